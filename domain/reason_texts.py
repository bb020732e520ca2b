"""The texts of the reasons, in five languages, with ``{named}`` gaps. Those of facts are the facts' own."""

from enum import StrEnum
from typing import Any

from domain.facts import FACTS
from domain.model import Party, Text
from domain.reasons import FACT_CODES, Code, Reason


class Turn(StrEnum):
    """What a step that is not done says; a kind without words of its own has ``OPEN``'s."""

    PENDING = "pending"
    BLOCKED = "blocked"
    OPEN = "open"
    ATTEST = "attest"
    MAIL = "mail"
    CONFIRM = "confirm"
    JOINT_TEST = "joint_test"


TEXTS: dict[Code, Text] = {
    **{code: FACTS[fact].missing for fact, code in FACT_CODES.items()},
    Code.ONBOARDING_NOT_STARTED: Text(
        en="The connection to {partner} has not been begun.",
        ro="Conectarea cu {partner} nu a fost începută.",
        de="Die Anbindung an {partner} ist nicht begonnen.",
        it="Il collegamento con {partner} non è stato avviato.",
        hu="A csatlakozás a következőhöz még nem kezdődött el: {partner}.",
    ),
    Code.ONBOARDING_ON_HOLD: Text(
        en="The onboarding is on hold: “{reason}”.",
        ro="Procesul de conectare este suspendat: „{reason}”.",
        de="Die Anbindung ruht: „{reason}“.",
        it="L'attivazione è sospesa: «{reason}».",
        hu="A csatlakoztatás szünetel: „{reason}”.",
    ),
    Code.ONBOARDING_CANCELLED: Text(
        en="The onboarding was cancelled: “{reason}”. Start a new one to connect.",
        ro="Procesul de conectare a fost anulat: „{reason}”. Pentru conectare, începeți unul nou.",
        de="Die Anbindung wurde abgebrochen: „{reason}“. Beginnen Sie eine neue.",
        it="L'attivazione è stata annullata: «{reason}». Per collegarsi, avviarne una nuova.",
        hu="A csatlakoztatást megszakították: „{reason}”. A csatlakozáshoz indítson újat.",
    ),
    Code.ONBOARDING_FAILED: Text(
        en="The onboarding failed: “{reason}”. Start a new one to connect.",
        ro="Procesul de conectare a eșuat: „{reason}”. Pentru conectare, începeți unul nou.",
        de="Die Anbindung ist gescheitert: „{reason}“. Beginnen Sie eine neue.",
        it="L'attivazione non è riuscita: «{reason}». Per collegarsi, avviarne una nuova.",
        hu="A csatlakoztatás nem sikerült: „{reason}”. A csatlakozáshoz indítson újat.",
    ),
    Code.ONBOARDING_CATCHING_UP: Text(
        en="The newest changes are being taken in; look again in a moment.",
        ro="Ultimele modificări sunt în curs de preluare; reveniți peste câteva momente.",
        de="Die neuesten Änderungen werden gerade übernommen; sehen Sie gleich noch einmal nach.",
        it="Le ultime modifiche sono in corso di acquisizione; ricontrollare tra un momento.",
        hu="A legutóbbi módosítások feldolgozása folyamatban van; nézze meg újra kis idő múlva.",
    ),
    Code.SERVICES_NONE_BOOKABLE: Text(
        en="No ticked service is bookable: each has a reason of its own.",
        ro="Niciun serviciu bifat nu este rezervabil: fiecare are propriul motiv.",
        de="Keine angehakte Leistung ist buchbar: Jede hat ihren eigenen Grund.",
        it="Nessun servizio selezionato è prenotabile: ognuno ha un proprio motivo.",
        hu="Egyik bejelölt szolgáltatás sem foglalható: mindegyiknek saját oka van.",
    ),
    Code.CONSENT_OUTDATED: Text(
        en="{by} accepted version {version} of the consent declaration; the version in force is not accepted.",
        ro="{by} a acceptat versiunea {version} a declarației de consimțământ; versiunea în vigoare nu este acceptată.",
        de="{by} hat die Fassung {version} der Einwilligungserklärung angenommen; die geltende ist nicht angenommen.",
        it="{by} ha accettato la versione {version} della dichiarazione di consenso; quella in vigore non è accettata.",
        hu="{by} a hozzájáruló nyilatkozat {version} változatát fogadta el; a hatályos nincs elfogadva.",
    ),
    Code.SERVICE_DELETED: Text(
        en="The service was deleted on {when}.",
        ro="Serviciul a fost șters la {when}.",
        de="Die Leistung wurde gelöscht, und zwar am {when}.",
        it="Il servizio è stato eliminato il {when}.",
        hu="A szolgáltatást törölték, időpont: {when}.",
    ),
    Code.SERVICE_CHANNEL_BLOCKED: Text(
        en="The channel itself is not bookable yet: see its reasons.",
        ro="Canalul însuși nu este încă rezervabil: vedeți motivele acestuia.",
        de="Der Kanal selbst ist noch nicht buchbar: siehe seine Gründe.",
        it="Il canale stesso non è ancora prenotabile: vedere i suoi motivi.",
        hu="Maga a csatorna még nem foglalható: lásd a csatorna okait.",
    ),
    Code.SERVICE_NOT_TICKED: Text(
        en="The service is not ticked for this channel.",
        ro="Serviciul nu este bifat pentru acest canal.",
        de="Die Leistung ist für diesen Kanal nicht angehakt.",
        it="Il servizio non è selezionato per questo canale.",
        hu="A szolgáltatás nincs bejelölve ehhez a csatornához.",
    ),
    Code.SERVICE_NO_PRICE: Text(
        en="The service has no price on this channel.",
        ro="Serviciul nu are preț pe acest canal.",
        de="Die Leistung hat auf diesem Kanal keinen Preis.",
        it="Il servizio non ha un prezzo su questo canale.",
        hu="A szolgáltatásnak nincs ára ezen a csatornán.",
    ),
    Code.SERVICE_NO_CALENDAR: Text(
        en="The service is in no physician's calendar.",
        ro="Serviciul nu este în calendarul niciunui medic.",
        de="Die Leistung steht in keinem Kalender eines Arztes.",
        it="Il servizio non è nel calendario di alcun medico.",
        hu="A szolgáltatás egyetlen orvos naptárában sincs benne.",
    ),
    Code.SERVICE_NO_OPENING: Text(
        en="The calendars that the service is in have no opening in the next {days} days.",
        ro="Calendarele în care este serviciul nu au niciun interval în următoarele {days} de zile.",
        de="Die Kalender, in denen die Leistung steht, haben in den nächsten {days} Tagen keine Sprechzeit.",
        it="I calendari in cui si trova il servizio non hanno alcun orario nei prossimi {days} giorni.",
        hu="A szolgáltatás naptáraiban nincs rendelés a következő {days} napban.",
    ),
    Code.SERVICE_AWAITING_PARTNER: Text(
        en="{partner} has not confirmed this new service yet. Support and {partner} are notified once nothing else is missing.",
        ro="{partner} nu a confirmat încă acest serviciu nou. Serviciul de asistență și {partner} sunt notificați când nu mai lipsește nimic altceva.",
        de="{partner} hat diese neue Leistung noch nicht bestätigt. Support und {partner} werden benachrichtigt, sobald sonst nichts fehlt.",
        it="{partner} non ha ancora confermato questo nuovo servizio. L'assistenza e {partner} vengono avvisati quando non manca altro.",
        hu="{partner} még nem igazolta vissza ezt az új szolgáltatást. Az ügyfélszolgálat és a partner értesítést kap, ha már semmi más nem hiányzik.",
    ),
    Code.SERVICE_DECLINED: Text(
        en="{partner} does not take this new service up: “{why}”. Settle it, then send the notice again, or untick the service.",
        ro="{partner} nu preia acest serviciu nou: „{why}”. Clarificați, apoi trimiteți din nou notificarea sau debifați serviciul.",
        de="{partner} nimmt diese neue Leistung nicht auf: „{why}“. Klären Sie das und senden Sie die Mitteilung erneut, oder nehmen Sie das Häkchen weg.",
        it="{partner} non accoglie questo nuovo servizio: «{why}». Chiarire la questione e inviare di nuovo l'avviso, oppure deselezionare il servizio.",
        hu="{partner} nem veszi fel ezt az új szolgáltatást: „{why}”. Tisztázza, majd küldje el újra az értesítést, vagy törölje a szolgáltatás bejelölését.",
    ),
    Code.SERVICE_NOTICE_FAILED: Text(
        en="The notice to {partner} could not be delivered: “{why}”.",
        ro="Notificarea către {partner} nu a putut fi livrată: „{why}”.",
        de="Die Mitteilung an {partner} konnte nicht zugestellt werden: „{why}“.",
        it="Non è stato possibile recapitare l'avviso a {partner}: «{why}».",
        hu="Az értesítést nem sikerült kézbesíteni ({partner}): „{why}”.",
    ),
    Code.SERVICE_REJECTED: Text(
        en="The system of {partner} does not take this service: “{why}”.",
        ro="Sistemul {partner} nu preia acest serviciu: „{why}”.",
        de="Das System von {partner} übernimmt diese Leistung nicht: „{why}“.",
        it="Il sistema di {partner} non accetta questo servizio: «{why}».",
        hu="A partner ({partner}) rendszere nem veszi át ezt a szolgáltatást: „{why}”.",
    ),
    Code.CONNECTION_ENDING: Text(
        en="The connection ended on {when}, but the system of {partner} has not confirmed it yet: it may still offer the services.",
        ro="Conexiunea s-a încheiat la {when}, dar sistemul {partner} nu a confirmat încă: este posibil să mai ofere serviciile.",
        de="Die Verbindung endete am {when}, aber das System von {partner} hat es noch nicht bestätigt: Es bietet die Leistungen vielleicht noch an.",
        it="Il collegamento è terminato il {when}, ma il sistema di {partner} non lo ha ancora confermato: potrebbe offrire ancora i servizi.",
        hu="A kapcsolat megszűnt ({when}), de a partner ({partner}) rendszere még nem igazolta vissza: lehet, hogy még kínálja a szolgáltatásokat.",
    ),
    Code.CONNECTION_ENDED: Text(
        en="The connection ended on {when}. Patients can be booked again after a new onboarding.",
        ro="Conexiunea s-a încheiat la {when}. Programările sunt din nou posibile după o nouă conectare.",
        de="Die Verbindung endete am {when}. Gebucht werden kann wieder nach einer neuen Anbindung.",
        it="Il collegamento è terminato il {when}. Si potrà prenotare di nuovo dopo una nuova attivazione.",
        hu="A kapcsolat megszűnt ({when}). Foglalni új csatlakoztatás után lehet újra.",
    ),
    Code.CONNECTION_PAUSED: Text(
        en="The connection is paused since {when}: changes do not reach {partner}.",
        ro="Conexiunea este în pauză din {when}: modificările nu ajung la {partner}.",
        de="Die Verbindung ist seit {when} pausiert: Änderungen erreichen {partner} nicht.",
        it="Il collegamento è in pausa dal {when}: le modifiche non arrivano a {partner}.",
        hu="A kapcsolat szünetel ({when} óta): a módosítások nem jutnak el a partnerhez ({partner}).",
    ),
    Code.PARTNER_SILENT: Text(
        en="The system of {partner} has not answered since {when}: changes reach it when it is back.",
        ro="Sistemul {partner} nu răspunde din {when}: modificările ajung la el când revine.",
        de="Das System von {partner} antwortet seit {when} nicht: Änderungen erreichen es, sobald es wieder da ist.",
        it="Il sistema di {partner} non risponde dal {when}: le modifiche gli arriveranno quando sarà di nuovo disponibile.",
        hu="A partner ({partner}) rendszere nem válaszol ({when} óta): a módosítások akkor érik el, amikor újra elérhető.",
    ),
}

# The same code, where more is known: how long the longest opening is (R6), when the partner was asked, or that
# our pause holds the notice (R14), or who did
# it and when (R20).
TOO_SHORT = Text(
    en="The service takes {minutes} minutes; its longest opening of the next {days} days has {longest}.",
    ro="Serviciul durează {minutes} de minute; cel mai lung interval din următoarele {days} de zile are {longest}.",
    de="Die Leistung dauert {minutes} Minuten; ihre längste Sprechzeit der nächsten {days} Tage hat {longest}.",
    it="Il servizio dura {minutes} minuti; l'orario più lungo dei prossimi {days} giorni ne ha {longest}.",
    hu="A szolgáltatás {minutes} perces; a következő {days} nap leghosszabb rendelése {longest} perc.",
)
ASKED_ON = Text(
    en="{partner} was asked on {when} to confirm this new service.",
    ro="{partner} a fost rugat la {when} să confirme acest serviciu nou.",
    de="{partner} wurde gebeten, diese neue Leistung zu bestätigen, und zwar am {when}.",
    it="A {partner} è stato chiesto il {when} di confermare questo nuovo servizio.",
    hu="{partner} megkapta a kérést az új szolgáltatás visszaigazolására, időpont: {when}.",
)
HELD_BY_PAUSE = Text(
    en="{partner} has not been asked to confirm this new service: the connection is paused, and no notice goes out until it is resumed.",
    ro="{partner} nu a fost rugat încă să confirme acest serviciu nou: conexiunea este în pauză și nicio notificare nu pleacă până la reluarea ei.",
    de="{partner} wurde noch nicht gebeten, diese neue Leistung zu bestätigen: Die Verbindung ist pausiert; bis sie fortgesetzt wird, geht nichts hinaus.",
    it="A {partner} non è ancora stato chiesto di confermare questo nuovo servizio: il collegamento è in pausa e nessun avviso parte finché non viene ripreso.",
    hu="A partner ({partner}) még nem kapott kérést az új szolgáltatás visszaigazolására: a kapcsolat szünetel, és amíg nem folytatják, nem megy ki értesítés.",
)
UNTICKED_BY = Text(
    en="The service was unticked for this channel on {when} by {by}.",
    ro="Serviciul a fost debifat pentru acest canal la {when} de {by}.",
    de="Die Leistung wurde von {by} für diesen Kanal aus der Auswahl genommen, und zwar am {when}.",
    it="Il servizio è stato deselezionato per questo canale il {when} da {by}.",
    hu="A szolgáltatás bejelölését ennél a csatornánál {by} törölte, időpont: {when}.",
)
DISABLED_BY = Text(
    en="The traffic channel was disabled on {when} by {by}.",
    ro="Canalul de trafic a fost dezactivat la {when} de {by}.",
    de="Der Buchungskanal wurde von {by} ausgeschaltet, und zwar am {when}.",
    it="Il canale di traffico è stato disattivato il {when} da {by}.",
    hu="A forgalmi csatornát {by} kikapcsolta, időpont: {when}.",
)
DELETED_BY = Text(
    en="The service was deleted on {when} by {by}.",
    ro="Serviciul a fost șters la {when} de {by}.",
    de="Die Leistung wurde von {by} gelöscht, und zwar am {when}.",
    it="Il servizio è stato eliminato il {when} da {by}.",
    hu="A szolgáltatást {by} törölte, időpont: {when}.",
)

STEP_TEXTS: dict[Turn, Text] = {
    Turn.PENDING: Text(
        en="“{step}” has not happened yet: other steps come first.",
        ro="„{step}” nu a avut loc încă: înainte urmează alți pași.",
        de="„{step}“ ist noch nicht geschehen: Andere Schritte kommen zuvor.",
        it="«{step}» non è ancora avvenuto: prima vengono altri passaggi.",
        hu="„{step}” még nem történt meg: előbb más lépések következnek.",
    ),
    Turn.BLOCKED: Text(
        en="“{step}” is stuck: {blocker}",
        ro="„{step}” este blocat: {blocker}",
        de="„{step}“ stockt: {blocker}",
        it="«{step}» è bloccato: {blocker}",
        hu="„{step}” elakadt: {blocker}",
    ),
    Turn.OPEN: Text(
        en="“{step}” is not done yet.",
        ro="„{step}” nu este încă finalizat.",
        de="„{step}“ ist noch nicht erledigt.",
        it="«{step}» non è ancora completato.",
        hu="„{step}” még nincs kész.",
    ),
    Turn.ATTEST: Text(
        en="“{step}” is not recorded yet.",
        ro="„{step}” nu este încă înregistrat.",
        de="„{step}“ ist noch nicht eingetragen.",
        it="«{step}» non è ancora registrato.",
        hu="„{step}” még nincs rögzítve.",
    ),
    Turn.MAIL: Text(
        en="The message “{step}” is being sent by the system.",
        ro="Mesajul „{step}” este în curs de trimitere de către sistem.",
        de="Die Nachricht „{step}“ wird gerade vom System gesendet.",
        it="Il messaggio «{step}» è in corso di invio da parte del sistema.",
        hu="A(z) „{step}” üzenetet a rendszer éppen küldi.",
    ),
    Turn.CONFIRM: Text(
        en="{partner} has not confirmed “{step}” yet. Consult {partner}.",
        ro="{partner} nu a confirmat încă „{step}”. Consultați {partner}.",
        de="{partner} hat „{step}“ noch nicht bestätigt. Wenden Sie sich an {partner}.",
        it="{partner} non ha ancora confermato «{step}». Consultare {partner}.",
        hu="{partner} még nem igazolta vissza: „{step}”. Forduljon a partnerhez ({partner}).",
    ),
    Turn.JOINT_TEST: Text(
        en="“{step}” with {partner} has not been passed by both sides yet. Consult {partner}.",
        ro="„{step}” cu {partner} nu a fost încă încheiat cu succes de ambele părți. Consultați {partner}.",
        de="„{step}“ mit {partner} ist noch nicht von beiden Seiten bestanden. Wenden Sie sich an {partner}.",
        it="«{step}» con {partner} non è ancora stato superato da entrambe le parti. Consultare {partner}.",
        hu="„{step}” – {partner}: még nem mindkét fél jelezte sikeresnek. Forduljon a partnerhez ({partner}).",
    ),
}


def reason_of(code: Code, *, party: Party, **more: Any) -> Reason:
    """A reason with its code's text; what is no field of it fills a gap."""
    fields = {name: value for name, value in more.items() if name in Reason.model_fields}
    gaps = {name: value for name, value in more.items() if name not in fields}
    return Reason(code=code, text=TEXTS[code], party=party, gaps=gaps, **fields)
