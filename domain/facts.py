"""Facts of the catalogue that steps look at. A new fact is one entry in :data:`FACTS`."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from domain.model import Frozen, Party, Text


class ConsentFact(Frozen):
    """The newest acceptance of the declaration; ``in_force`` says whether it counts for the version in force (R9)."""

    version: str
    accepted_by: str
    accepted_at: datetime
    in_force: bool


class ChannelFacts(Frozen):
    """What the catalogue says of one channel, counted. ``version`` grows with every change of the channel.

    ``digest`` is the SHA-256 of what a joint test tests: permission, ticked services, their durations and prices.
    """

    version: int = 0
    enabled: bool = False
    services: int = Field(default=0, description="services that the provider offers")
    published: int = Field(default=0, description="services ticked for this channel (R7)")
    priced: int = Field(default=0, description="services with a price on this channel (R8)")
    published_without_price: int = 0
    calendars: int = Field(default=0, description="calendars that open in the next 30 days (R6)")
    published_without_calendar: int = Field(
        default=0, description="ticked services without an opening long enough in the next 30 days"
    )
    consent: ConsentFact | None = None
    digest: str = ""


class FactName(StrEnum):
    CALENDARS_SET = "calendars_set"
    CHANNEL_ENABLED = "channel_enabled"
    SERVICES_PUBLISHED = "services_published"
    PRICES_SET = "prices_set"
    CONSENT_ACCEPTED = "consent_accepted"


class Remedy(StrEnum):
    """The call of the catalogue that makes a fact hold; the API knows its address and schema."""

    PUT_CALENDAR = "put_calendar"
    ENABLE_CHANNEL = "enable_channel"
    PUBLISH_SERVICES = "publish_services"
    SET_PRICES = "set_prices"
    ACCEPT_CONSENT = "accept_consent"


class Fact(Frozen):
    """A named question to the catalogue, and what to do where the answer is no."""

    holds: Callable[[ChannelFacts], bool]
    remedy: Remedy
    actor: Party = Party.PROVIDER
    missing: Text


FACTS: dict[FactName, Fact] = {
    FactName.CALENDARS_SET: Fact(
        holds=lambda facts: facts.calendars > 0 and facts.published_without_calendar == 0,
        remedy=Remedy.PUT_CALENDAR,
        missing=Text(
            en="No physician's calendar opens in the next 30 days, or a ticked service has no opening there that is long enough.",
            ro="În următoarele 30 de zile niciun calendar nu are program sau un serviciu bifat nu are un interval suficient de lung.",
            de="In den nächsten 30 Tagen hat kein Kalender Sprechzeiten, oder keine ist für eine angehakte Leistung lang genug.",
            it="Nei prossimi 30 giorni nessun calendario ha orari, o un servizio selezionato non ha un orario abbastanza lungo.",
            hu="A következő 30 napban egyik naptárban sincs rendelés, vagy egy bejelölt szolgáltatáshoz egyik sem elég hosszú.",
        ),
    ),
    FactName.CHANNEL_ENABLED: Fact(
        holds=lambda facts: facts.enabled,
        remedy=Remedy.ENABLE_CHANNEL,
        missing=Text(
            en="The traffic channel is not enabled.",
            ro="Canalul de trafic nu este activat.",
            de="Der Buchungskanal ist nicht eingeschaltet.",
            it="Il canale di traffico non è attivato.",
            hu="A forgalmi csatorna nincs bekapcsolva.",
        ),
    ),
    FactName.SERVICES_PUBLISHED: Fact(
        holds=lambda facts: facts.published > 0,
        remedy=Remedy.PUBLISH_SERVICES,
        missing=Text(
            en="No service is ticked for publication.",
            ro="Niciun serviciu nu este bifat pentru publicare.",
            de="Keine Leistung ist zur Veröffentlichung angehakt.",
            it="Nessun servizio è selezionato per la pubblicazione.",
            hu="Egyetlen szolgáltatás sincs közzétételre bejelölve.",
        ),
    ),
    FactName.PRICES_SET: Fact(
        holds=lambda facts: facts.priced > 0 and facts.published_without_price == 0,
        remedy=Remedy.SET_PRICES,
        missing=Text(
            en="Prices of this channel are missing.",
            ro="Lipsesc prețurile acestui canal.",
            de="Es fehlen Preise dieses Kanals.",
            it="Mancano i prezzi di questo canale.",
            hu="Hiányoznak a csatorna árai.",
        ),
    ),
    FactName.CONSENT_ACCEPTED: Fact(
        holds=lambda facts: facts.consent is not None and facts.consent.in_force,
        remedy=Remedy.ACCEPT_CONSENT,
        missing=Text(
            en="The consent declaration in force is not accepted.",
            ro="Declarația de consimțământ în vigoare nu este acceptată.",
            de="Die geltende Einwilligungserklärung ist nicht angenommen.",
            it="La dichiarazione di consenso in vigore non è accettata.",
            hu="A hatályos hozzájáruló nyilatkozat nincs elfogadva.",
        ),
    ),
}
