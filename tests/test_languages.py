"""Times and names as bylines print them, in many languages. All people and texts are made up."""

from zoneinfo import ZoneInfo

import pytest

from newscrawl.extraction.dates import printed_dates, printed_days, without_dates
from newscrawl.extraction.names import author_names, whole_name

pytestmark = pytest.mark.fast

UTC = ZoneInfo("UTC")
# A language, a text, and the times in it; "!" marks the time of a change.
TIMES = [
    ("de", "Stand: 28.04.2023 17:23 Uhr", "2023-04-28T17:23"),
    ("de", "Veröffentlicht am 1. März 2023 um 9.05 Uhr", "2023-03-01T09:05"),
    ("de", "28. Apr. 2023, 17:23", "2023-04-28T17:23"),
    ("de", "Aktualisiert: 28.04.23, 17.23 Uhr", "2023-04-28T17:23!"),
    ("de", "Von Ada Quill | 5. Dezember 2024, 07:05 Uhr | Lesedauer: 3 Min.", "2024-12-05T07:05"),
    ("de", "Do., 5.12.2024 | 9 Uhr", "2024-12-05T09:00"),
    ("de-AT", "3. Jänner 2025, 12:00", "2025-01-03T12:00"),
    ("de", "17:23 Uhr, 28.04.2023", "2023-04-28T17:23"),
    ("de", "28.04.2023 • 17:23 Uhr (MESZ)", "2023-04-28T15:23"),
    (
        "fr",
        "Publié le 30 août 2023 à 14h52, modifié le 1er sept. 2023 à 06 h 00",
        "2023-08-30T14:52 2023-09-01T06:00!",
    ),
    ("fr", "Mis à jour le 14 juil. 2023 à 9h05", "2023-07-14T09:05!"),
    ("fr", "12/05/2023 à 10:30 et mis en ligne", "2023-05-12T10:30"),
    ("fr", "samedi 6 janvier 2024 à 18:00 (Paris)", "2024-01-06T18:00"),
    ("es", "3 de mayo de 2024 a las 18:05 h", "2024-05-03T18:05"),
    ("es", "Actualizado el 3 de septiembre de 2024, 10:15 a. m.", "2024-09-03T10:15!"),
    ("es", "Madrid - 04 oct 2024 - 20:30CEST", "2024-10-04T18:30"),
    ("es-MX", "04/10/2024 8:30 p.m.", "2024-10-04T20:30"),
    ("it", "Pubblicato il 5 dicembre 2023 alle ore 10:30", "2023-12-05T10:30"),
    ("it", "Aggiornato alle 18:24 del 3 maggio 2024", "2024-05-03T18:24!"),
    ("pt", "14 de janeiro de 2025 às 21h17", "2025-01-14T21:17"),
    ("pt-BR", "Atualizado em 03/05/2024 às 18h24", "2024-05-03T18:24!"),
    ("pt-BR", "3.mai.2024 às 18h24", "2024-05-03T18:24"),
    ("nl", "vrijdag 3 maart 2023 om 11:22", "2023-03-03T11:22"),
    ("nl", "Gepubliceerd op 3 mrt. 2023 om 11.22 uur", "2023-03-03T11:22"),
    ("da", "Opdateret 3. maj 2023 kl. 11.22", "2023-05-03T11:22!"),
    ("no", "Publisert 3. mai 2023 kl. 11:22", "2023-05-03T11:22"),
    ("nb", "3. mai 2023, kl. 11:22 – Oppdatert 4. mai 2023", "2023-05-03T11:22"),
    ("sv", "Uppdaterad 3 maj 2023 kl 11.22", "2023-05-03T11:22!"),
    ("sv", "2023-05-03 11:22", "2023-05-03T11:22"),
    ("fi", "14.1.2025 klo 21.17", "2025-01-14T21:17"),
    ("pl", "3 października 2023, godz. 11:22", "2023-10-03T11:22"),
    ("cs", "14. ledna 2025 21:17", "2025-01-14T21:17"),
    ("hu", "2025. január 14. 21:17", "2025-01-14T21:17"),
    ("el", "14 Ιανουαρίου 2025, 21:17", "2025-01-14T21:17"),
    ("tr", "3 ARALIK 2023 - 11:22", "2023-12-03T11:22"),
    ("tr", "Güncelleme: 03.05.2023 - 12:30", "2023-05-03T12:30!"),
    ("ru", "3 мая 2023 г., 11:22 (МСК)", "2023-05-03T08:22"),
    ("ru", "11:22, 3 августа 2023", "2023-08-03T11:22"),
    ("uk", "3 травня 2023, 11:22", "2023-05-03T11:22"),
    ("ja", "2025/1/14 21:17（最終更新 1/14 21:18）", "2025-01-14T21:17"),
    (
        "ja",
        "2025年1月14日(火) 21:17 更新: 2025年1月15日(水) 8時05分",
        "2025-01-14T21:17 2025-01-15T08:05!",
    ),
    ("ja", "２０２５年１月１４日　午後９時１７分", "2025-01-14T21:17"),
    ("zh", "2025年01月14日 下午9:17 来源", "2025-01-14T21:17"),
    ("zh-CN", "更新时间：2025-01-14 21:17:27", "2025-01-14T21:17:27!"),
    ("ko", "2025년 1월 14일 오후 9:17", "2025-01-14T21:17"),
    (
        "ko",
        "입력2025.01.14. 오후 9:17 수정2025.01.14. 오후 10:00",
        "2025-01-14T21:17 2025-01-14T22:00!",
    ),
    ("ar", "الخميس 8 يناير 2026 الساعة 9:17 مساء", "2026-01-08T21:17"),
    ("ar", "٨ كانون الثاني ٢٠٢٦ ١٢:٤٢", "2026-01-08T12:42"),
    ("ar", "آخر تحديث: 8/1/2026 12:42", "2026-01-08T12:42!"),
    ("ar", "2026-01-08 | 12:42", "2026-01-08T12:42"),
    ("he", "14 בינואר 2025, 21:17", "2025-01-14T21:17"),
    ("fa", "۱۴ ژانویهٔ ۲۰۲۵ ساعت ۲۱:۱۷", "2025-01-14T21:17"),
    ("hi", "14 जनवरी 2025, 09:17 PM", "2025-01-14T21:17"),
    ("th", "14 มกราคม 2568 เวลา 21:17", "2025-01-14T21:17"),
    ("vi", "Thứ ba, 14/1/2025, 21:17 (GMT+7)", "2025-01-14T14:17"),
    ("id", "Selasa, 14 Jan 2025 21:17 WIB", "2025-01-14T14:17"),
    ("xx", "14.1.2025 21:17", "2025-01-14T21:17"),
    ("en-GB", "03/05/2023 11:22", "2023-05-03T11:22"),
    ("en", "03/05/2023 11:22", "2023-03-05T11:22"),
    ("ar", "الخميس 8/1/2026م 09:17", "2026-01-08T09:17"),
    ("ar", "8 كانون الثاني 2026 م، الساعة 9:17 م", "2026-01-08T21:17"),
    # No time, a part of one, or one in an unknown zone.
    ("de", "28.04.2023 | 10:15 Min.", ""),
    ("de", "28 Kommentare, 17 Seiten, 28.04.2023", ""),
    ("de", "Von Anna Mai und Jan März, 12:30 Uhr", ""),
    ("fr", "Temps de lecture 4 min. Publié aujourd’hui à 14h52", ""),
    ("fr", "Le 14 juillet à 10h", ""),
    ("es", "hace 3 horas", ""),
    ("it", "3 maggio 2024 5 commenti", ""),
    ("it", "31 aprile 2024, 25:10", ""),
    ("ja", "789文字", ""),
    ("hi", "14 जनवरी 2025 09:17 PM IST", ""),
]


@pytest.mark.parametrize(("language", "text", "expected"), TIMES)
def test_printed_times(language: str, text: str, expected: str) -> None:
    found = [it.replace(":00Z", "Z").rstrip("Z") + "!" * new for it, new in _times(text, language)]
    assert " ".join(found) == expected


def _times(text: str, language: str) -> list[tuple[str, bool]]:
    return list(printed_dates(text, UTC, language))


def test_a_zone_that_has_a_name_of_several_is_the_outlets() -> None:
    [(moment, _)] = printed_dates("14 जनवरी 2025 09:17 PM IST", ZoneInfo("Asia/Kolkata"), "hi")
    assert moment == "2025-01-14T15:47:00Z"


@pytest.mark.parametrize(
    ("language", "text", "day"),
    [
        ("de", "Erschienen am 28. April 2023", "2023-04-28"),
        ("fr", "Modifié le 2 mai 2023, publié le 1er mai 2023", "2023-05-01"),
        ("ja", "毎日 2019年12月31日 東京朝刊", "2019-12-31"),
        ("ar", "٨ كانون الثاني ٢٠٢٦", "2026-01-08"),
    ],
)
def test_printed_days(language: str, text: str, day: str) -> None:
    assert [it[:10] for it in printed_days(text, UTC, language)] == [day]


def test_a_date_is_taken_out_of_a_byline_with_its_weekday() -> None:
    assert without_dates("Ada Quill, vrijdag 3 maart 2023 om 11:22", "nl") == "Ada Quill, \n"


NAMES = [
    ("de", "Von Anna Schmidt und Jörg Müller, dpa", "Anna Schmidt|Jörg Müller"),
    ("de", "Von Anna Schmidt, Redakteurin\nStand: 28.04.2023 17:23 Uhr", "Anna Schmidt"),
    ("de", "Ein Kommentar von Jörg Müller (Radio Nord)", "Jörg Müller"),
    ("de", "Anna Schmidt mit dpa", "Anna Schmidt"),
    ("de", "dpa", "dpa"),
    ("de", "Von Ursula von der Tann", "Ursula von der Tann"),
    (
        "fr",
        "Par Anne Dubois et Luc Martin (avec AFP) Publié le 30 août 2023 à 14h52, modifié à 15h54",
        "Anne Dubois|Luc Martin",
    ),
    ("fr", "Par Le Courrier avec AFP", "Le Courrier"),
    ("fr", "Par Anne Dubois (Washington, correspondante)", "Anne Dubois"),
    ("fr", "Propos recueillis par Anne Dubois\nTemps de lecture 4 min.", "Anne Dubois"),
    ("es", "Por Ana Pérez y Luis Gómez, corresponsal en Lima", "Ana Pérez|Luis Gómez"),
    ("es", "Por Ana Ortega y Gil", "Ana Ortega y Gil"),
    ("es", "Ana Pérez | Agencias", "Ana Pérez"),
    ("it", "di Paolo Rossi e Maria Di Bianco", "Paolo Rossi|Maria Di Bianco"),
    ("pt", "Por João Silva e Ana Souza, Lusa", "João Silva|Ana Souza"),
    ("nl", "Door Jan de Vries en Piet Bakker", "Jan de Vries|Piet Bakker"),
    ("da", "Af Lars Jensen og Mette Holm, journalist", "Lars Jensen|Mette Holm"),
    ("no", "Kari Dahl, journalist\nPublisert 3. mai 2023 kl. 11:22", "Kari Dahl"),
    ("sv", "Text: Erik Svensson och Anna Lind", "Erik Svensson|Anna Lind"),
    ("fi", "Teksti Matti Virtanen ja Liisa Laine", "Matti Virtanen|Liisa Laine"),
    ("pl", "Autor: Jan Kowalski i Anna Nowak", "Jan Kowalski|Anna Nowak"),
    ("tr", "Ahmet Yılmaz ve Ayşe Demir", "Ahmet Yılmaz|Ayşe Demir"),
    ("ru", "Автор: Иван Петров и Анна Смирнова", "Иван Петров|Анна Смирнова"),
    ("ja", "文・山田太郎、佐藤花子記者", "山田太郎|佐藤花子"),
    ("ja", "船は火曜から動く。【カイロ山田太郎、大阪・佐藤花子、ロイター】", "山田太郎|佐藤花子"),
    ("ja", "市長は「船は火曜から動く」と語った。", ""),
    ("zh", "记者 王伟、李娜 2025年1月14日 21:17", "王伟|李娜"),
    ("ko", "홍길동 기자, 김철수 특파원 입력 2025.01.14 21:17", "홍길동|김철수"),
    ("ar", "بقلم ليلى حداد وسامر خوري، وليد نصر", "ليلى حداد|سامر خوري|وليد نصر"),
    ("ar", "ليلى حداد، رويترز", "ليلى حداد"),
    ("hi", "राम शर्मा और सीता वर्मा", "राम शर्मा|सीता वर्मा"),
    ("en-GB", "By Ada Quill and Bo Marsh", "Ada Quill|Bo Marsh"),
]


@pytest.mark.parametrize(("language", "byline", "expected"), NAMES)
def test_printed_names(language: str, byline: str, expected: str) -> None:
    assert "|".join(author_names(byline, (), language)) == expected


def test_a_name_in_structured_data_stays_whole() -> None:
    for name in ("Ana Souza e Silva", "Jung und Alt", "ليلى وسامر خوري", "Ortega y Gasset"):
        assert whole_name(name) == name
    assert [whole_name(it) for it in ("Le Courrier avec AFP", "홍길동 기자")] == [
        "Le Courrier",
        "홍길동",
    ]
