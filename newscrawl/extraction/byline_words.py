"""Words of bylines in several languages: what is around names and times, and is none of both.

Regular expressions, without groups. List only words that cannot be part of a name.
"""

# Before the time of the last change, also within a longer text.
CHANGED = (
    r"updated|modified|revised|corrected|changed|edited"
    r"|aktualisiert|geändert|überarbeitet|letztes update"
    r"|mise? à jour|modifiée?|actualisée?|actualizad[oa]|modificad[oa]|aggiornat[oa]|modificat[oa]"
    r"|ultim[oa] (?:aggiornamento|modifica)|última (?:actualización|atualização)|atualizad[oa]"
    r"|bijgewerkt|gewijzigd|laatste update|opdateret|ændret|oppdatert|endret|uppdatera[dt]"
    r"|päivitetty|muokattu|zaktualizowano|aktualizacja|aktualizováno|güncellenme|güncelleme"
    r"|обновлен[оа]?|обновлён|изменен[оа]?|оновлено|frissítve|ενημερώθηκε|diperbarui|cập nhật"
)
# The same in languages without spaces, or with suffixes.
CHANGED_INSIDE = "更新|수정|업데이트|تحديث|تعديل|עודכן|अपडेट|संशोधित|อัปเดต"
# Before the time of publication.
PUBLISHED = (
    r"(?:last )?updated|published|posted|created"
    r"|veröffentlicht|erschienen|erstellt|stand|publiée?|créée?|posté|publicad[oa]|creado"
    r"|pubblicat[oa]|gepubliceerd|geplaatst|publiceret|offentliggjort|udgivet|publisert"
    r"|publicera[dt]"
    r"|julkaistu|opublikowano|publikacja|data dodania|publikováno|yayınlanma|yayın|giriş"
    r"|oluşturulma"
    r"|опубликовано|дата публикации|опубліковано|megjelent|δημοσιεύθηκε|diterbitkan"
    r"|公開|配信|掲載|発表|发布|發布|发表|입력|등록|승인|기사입력"
    r"|نشر|تاريخ النشر|تم النشر|פורסם|प्रकाशित"
)
# Prepositions between such a word, the day and the time.
AT = (
    r"at|on|am|um|den|le|à|del|el|a las?|às|as|em|il|alle(?: ore)?|ore|op|om|den|d|kl|klo"
    r"|o godz|godz|dnia|o|saat|в|о|у|στις|pukul|lúc|pada|الساعة|ساعت|في|को|เวลา"
)
# Before the first name.
BY = (
    r"von|(?:ein )?(?:kommentar|gastbeitrag|interview|bericht|analyse) von"
    r"|autor(?:en|in|es|as|a)?\s*:"
    r"|par|(?:propos recueillis|texte|article) par|auteurs?\s*:|por|(?:escrito|texto) por"
    r"|di|a cura di"
    r"|autor[ei]\s*:|door|af|av|text|tekst|teksti|yazan|oleh|автор(?:ы)?\s*:|текст\s*:|autorzy\s*:"
    r"|文[・/＝=]|取材・文[・/＝=]?|記者|记者|本报记者|作者[:：]|文/"
    r"|بقلم|كتب(?:ت)?|إعداد|تحرير|लेखक\s*:?|द्वारा"
)
# Between two names. CLDR's lists, and "with".
AND = (
    r"and|with|und|mit|et|avec|y|e|con|ed|com|en|met|og|och|med|ja|i|oraz|z|ve|ile|и|і|та|й|a|és|și"
    r"|και|dan|và|와|과|및|和|及|と|और|و|ו"
)
# Behind a name: what the person is.
ROLE = (
    r"(?:freie[rn]? )?(?:journalist|redakteur|korrespondent|reporter)(?:in)?"
    r"|journaliste|(?:correspondant|envoyé)e?(?: spéciale?)?(?: (?:à|au|en|aux) .*)?"
    r"|corresponsal(?: en .*)?|enviad[oa] especial(?: a .*)?|periodista|redactora?"
    r"|corrispondente(?: da .*)?|inviat[oa](?: a .*)?|correspondente(?: em .*)?|repórter"
    r"|redacteur|verslaggever|journalist|korrespondent|muhabir|корреспондент"
)
ROLE_ATTACHED = "(?:論説委員|編集委員|特派員|記者|통신원|특파원|논설위원|(?:선임)?기자|앵커|记者)"
# Wire services beside the English-speaking ones.
AGENCIES = (
    "dpa|dpa-afx|epd|kna|apa|sda|keystone-sda|efe|europa press|ansa|adnkronos|lusa|anp|belga|ntb"
    "|ritzau|pap|tass|тасс|риа новости|интерфакс|xinhua|新华社|新華社|中新社|中央社"
    "|共同通信|共同"
    "|時事通信|時事|ロイター|ロイター通信|afp通信|ap通信|연합뉴스|뉴시스"
    "|anadolu|anadolu ajansı|भाषा|रॉयटर्स"
    "|رويترز|أ ف ب|فرانس برس|د ب أ|الأناضول|وكالات"
    "|agencias|agenzie|agences|agenturen|kyodo|yonhap|jiji"
)
