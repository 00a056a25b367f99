"""Times and names as bylines print them, in many languages; all of them are invented."""

from zoneinfo import ZoneInfo

import pytest

from newscrawl.extraction.dates import printed_dates, printed_days, without_dates
from newscrawl.extraction.names import author_names, whole_name

pytestmark = pytest.mark.fast

UTC = ZoneInfo("UTC")
# A language, a text, and the times in it; "!" marks the time of a change.
TIMES = [
    ("de", "Stand: 26.04.2022 16:48 Uhr", "2022-04-26T16:48"),
    ("de", "Veröffentlicht am 1. März 2023 um 9.05 Uhr", "2023-03-01T09:05"),
    ("de", "26. Apr. 2022, 16:48", "2022-04-26T16:48"),
    ("de", "Aktualisiert: 26.04.22, 16.48 Uhr", "2022-04-26T16:48!"),
    ("de", "Von Ada Quill | 5. Dezember 2024, 07:05 Uhr | Lesedauer: 3 Min.", "2024-12-05T07:05"),
    ("de", "Do., 5.12.2024 | 9 Uhr", "2024-12-05T09:00"),
    ("de-AT", "3. Jänner 2025, 12:00", "2025-01-03T12:00"),
    ("de", "16:48 Uhr, 26.04.2022", "2022-04-26T16:48"),
    ("de", "26.04.2022 • 16:48 Uhr (MESZ)", "2022-04-26T14:48"),
    (
        "fr",
        "Publié le 29 août 2022 à 13h27, modifié le 1er sept. 2022 à 06 h 00",
        "2022-08-29T13:27 2022-09-01T06:00!",
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
    ("pt", "16 de janeiro de 2024 às 20h34", "2024-01-16T20:34"),
    ("pt-BR", "Atualizado em 03/05/2024 às 18h24", "2024-05-03T18:24!"),
    ("pt-BR", "3.mai.2024 às 18h24", "2024-05-03T18:24"),
    ("nl", "vrijdag 3 maart 2023 om 11:22", "2023-03-03T11:22"),
    ("nl", "Gepubliceerd op 3 mrt. 2023 om 11.22 uur", "2023-03-03T11:22"),
    ("da", "Opdateret 3. maj 2023 kl. 11.22", "2023-05-03T11:22!"),
    ("no", "Publisert 3. mai 2023 kl. 11:22", "2023-05-03T11:22"),
    ("nb", "3. mai 2023, kl. 11:22 – Oppdatert 4. mai 2023", "2023-05-03T11:22"),
    ("sv", "Uppdaterad 3 maj 2023 kl 11.22", "2023-05-03T11:22!"),
    ("sv", "2023-05-03 11:22", "2023-05-03T11:22"),
    ("fi", "16.1.2024 klo 20.34", "2024-01-16T20:34"),
    ("pl", "3 października 2023, godz. 11:22", "2023-10-03T11:22"),
    ("cs", "16. ledna 2024 20:34", "2024-01-16T20:34"),
    ("hu", "2024. január 16. 20:34", "2024-01-16T20:34"),
    ("el", "16 Ιανουαρίου 2024, 20:34", "2024-01-16T20:34"),
    ("tr", "3 ARALIK 2023 - 11:22", "2023-12-03T11:22"),
    ("tr", "Güncelleme: 03.05.2023 - 12:30", "2023-05-03T12:30!"),
    ("ru", "3 мая 2023 г., 11:22 (МСК)", "2023-05-03T08:22"),
    ("ru", "11:22, 3 августа 2023", "2023-08-03T11:22"),
    ("uk", "3 травня 2023, 11:22", "2023-05-03T11:22"),
    ("ja", "2024/1/16 20:34（最終更新 1/16 20:35）", "2024-01-16T20:34"),
    (
        "ja",
        "2024年1月16日(火) 20:34 更新: 2024年1月17日(水) 8時05分",
        "2024-01-16T20:34 2024-01-17T08:05!",
    ),
    ("ja", "２０２４年１月１６日　午後８時３４分", "2024-01-16T20:34"),
    ("zh", "2024年01月16日 下午8:34 来源", "2024-01-16T20:34"),
    ("zh-CN", "更新时间：2024-01-16 20:34:27", "2024-01-16T20:34:27!"),
    ("ko", "2024년 1월 16일 오후 8:34", "2024-01-16T20:34"),
    (
        "ko",
        "입력2024.01.16. 오후 8:34 수정2024.01.16. 오후 10:00",
        "2024-01-16T20:34 2024-01-16T22:00!",
    ),
    ("ar", "الخميس 9 يناير 2025 الساعة 8:34 مساء", "2025-01-09T20:34"),
    ("ar", "٩ كانون الثاني ٢٠٢٥ ١٢:٥١", "2025-01-09T12:51"),
    ("ar", "آخر تحديث: 9/1/2025 12:51", "2025-01-09T12:51!"),
    ("ar", "2025-01-09 | 12:51", "2025-01-09T12:51"),
    ("he", "16 בינואר 2024, 20:34", "2024-01-16T20:34"),
    ("fa", "۱۶ ژانویهٔ ۲۰۲۴ ساعت ۲۰:۳۴", "2024-01-16T20:34"),
    ("hi", "16 जनवरी 2024, 08:34 PM", "2024-01-16T20:34"),
    ("th", "16 มกราคม 2567 เวลา 20:34", "2024-01-16T20:34"),
    ("vi", "Thứ ba, 16/1/2024, 20:34 (GMT+7)", "2024-01-16T13:34"),
    ("id", "Selasa, 16 Jan 2024 20:34 WIB", "2024-01-16T13:34"),
    ("xx", "16.1.2024 20:34", "2024-01-16T20:34"),
    ("en-GB", "03/05/2023 11:22", "2023-05-03T11:22"),
    ("en", "03/05/2023 11:22", "2023-03-05T11:22"),
    ("ar", "الخميس 9/1/2025م 09:34", "2025-01-09T09:34"),
    ("ar", "9 كانون الثاني 2025 م، الساعة 8:34 م", "2025-01-09T20:34"),
    # No time, a part of one, or one in an unknown zone.
    ("de", "26.04.2022 | 10:15 Min.", ""),
    ("de", "28 Kommentare, 17 Seiten, 26.04.2022", ""),
    ("de", "Von Anna Mai und Jan März, 12:30 Uhr", ""),
    ("fr", "Temps de lecture 4 min. Publié aujourd’hui à 13h27", ""),
    ("fr", "Le 14 juillet à 10h", ""),
    ("es", "hace 3 horas", ""),
    ("it", "3 maggio 2024 5 commenti", ""),
    ("it", "31 aprile 2024, 25:10", ""),
    ("ja", "612文字", ""),
    ("hi", "16 जनवरी 2024 08:34 PM IST", ""),
]


@pytest.mark.parametrize(("language", "text", "expected"), TIMES)
def test_printed_times(language: str, text: str, expected: str) -> None:
    found = [
        time.replace(":00Z", "Z").rstrip("Z") + "!" * is_change
        for time, is_change in printed_dates(text, UTC, language)
    ]
    assert " ".join(found) == expected


def test_a_zone_that_has_a_name_of_several_is_the_outlets() -> None:
    [(moment, _)] = printed_dates("16 जनवरी 2024 08:34 PM IST", ZoneInfo("Asia/Kolkata"), "hi")
    assert moment == "2024-01-16T15:04:00Z"


@pytest.mark.parametrize(
    ("language", "text", "day"),
    [
        ("de", "Erschienen am 26. April 2022", "2022-04-26"),
        ("fr", "Modifié le 2 mai 2023, publié le 1er mai 2023", "2023-05-01"),
        ("ja", "毎日 2019年12月31日 東京朝刊", "2019-12-31"),
        ("ar", "٩ كانون الثاني ٢٠٢٥", "2025-01-09"),
    ],
)
def test_printed_days(language: str, text: str, day: str) -> None:
    assert [it[:10] for it in printed_days(text, UTC, language)] == [day]


def test_a_date_is_taken_out_of_a_byline_with_its_weekday() -> None:
    assert without_dates("Ada Quill, vrijdag 3 maart 2023 om 11:22", "nl") == "Ada Quill, \n"


NAMES = [
    ("de", "Von Anna Schmidt und Jörg Müller, dpa", "Anna Schmidt|Jörg Müller"),
    ("de", "Von Anna Schmidt, Redakteurin\nStand: 26.04.2022 16:48 Uhr", "Anna Schmidt"),
    ("de", "Ein Kommentar von Jörg Müller (Radio Nord)", "Jörg Müller"),
    ("de", "Anna Schmidt mit dpa", "Anna Schmidt"),
    ("de", "dpa", "dpa"),
    ("de", "Von Ursula von der Tann", "Ursula von der Tann"),
    (
        "fr",
        "Par Anne Dubois et Luc Martin (avec AFP) Publié le 29 août 2022 à 13h27, modifié à 16h38",
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
    ("zh", "记者 王伟、李娜 2024年1月16日 20:34", "王伟|李娜"),
    ("ko", "홍길동 기자, 김철수 특파원 입력 2024.01.16 20:34", "홍길동|김철수"),
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
