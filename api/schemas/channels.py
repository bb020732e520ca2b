"""The public shape of a channel's administration: permission, ticks, prices, consent (R5)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints

from adapters.database import tables
from adapters.database.catalogue_channels import Priced
from api.schemas.catalogue import Email, Input, Language, ServiceId, Version, line
from domain.consent import ALWAYS, REASONS, AskedAgain, DeclarationVersion
from domain.facts import ChannelFacts
from domain.model import Actor

MOST_SERVICES = 20_000


class ChannelChange(Input):
    """Gives or takes the permission of the traffic channel; permission alone sends nothing."""

    model_config = ConfigDict(title="Traffic channel")
    enabled: Annotated[bool, Strict()] = Field(title="Enabled", examples=[True])


class ChannelView(BaseModel):
    """A provider's traffic channel to one partner, with the counts that an onboarding looks at."""

    model_config = ConfigDict(title="Channel")
    partner: str = Field(examples=["generali"])
    name: str = Field(description="the channel's name, in the reader's language")
    enabled: bool
    services: int = Field(description="services that the provider offers")
    published: int = Field(description="services ticked for this channel")
    priced: int = Field(description="services with a price on this channel")
    published_without_price: int
    calendars: int = Field(description="calendars that open in the next 30 days")
    published_without_calendar: int = Field(
        description="ticked services without an opening long enough in the next 30 days"
    )
    consent_accepted: bool = Field(description="the declaration in force is accepted")
    version: Version

    @classmethod
    def of(cls, partner: str, name: str, facts: ChannelFacts) -> "ChannelView":
        counts = facts.model_dump(include=set(cls.model_fields))
        accepted = facts.consent is not None and facts.consent.in_force
        return cls(partner=partner, name=name, consent_accepted=accepted, **counts)


class ChannelPage(BaseModel):
    items: list[ChannelView]
    next_cursor: str | None


class Published(Input):
    """The services ticked for publication: these and no others."""

    model_config = ConfigDict(title="Published services")
    service_ids: Annotated[list[ServiceId], Field(title="Services", max_length=MOST_SERVICES)]


def _positive(amount: str) -> str:
    if Decimal(amount) <= 0:
        raise ValueError("a price is more than zero; leave the service out to have no price")
    return amount


Amount = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^(0|[1-9][0-9]{0,7})(\.[0-9]{1,2})?$"),
    AfterValidator(_positive),
    Field(title="Amount", examples=["120.00"], description="decimal text, at most two decimals"),
]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$"), Field(title="Currency", examples=["RON"])]


class PriceRow(Input):
    """One service's price on this channel."""

    model_config = ConfigDict(title="Price")
    service_id: ServiceId = Field(title="Service")
    amount: Amount
    currency: Currency


class PriceList(Input):
    """The channel's whole price list: a service that is not in it has no price."""

    model_config = ConfigDict(title="Price list")
    prices: Annotated[list[PriceRow], Field(title="Prices", max_length=MOST_SERVICES)]

    def priced(self) -> list[Priced]:
        return [Priced(row.service_id, Decimal(row.amount), row.currency) for row in self.prices]

    @classmethod
    def of(cls, rows: list[Priced]) -> "PriceList":
        """The answer; what was checked when it was kept is not checked again."""
        shown = [
            PriceRow.model_construct(
                service_id=row.service_id, amount=f"{row.amount:.2f}", currency=row.currency
            )
            for row in rows
        ]
        return cls.model_construct(prices=shown)


class Accepter(Input):
    """The entitled person who accepts."""

    model_config = ConfigDict(title="Accepted by")
    name: Annotated[str, line(120), Field(title="Name", examples=["Ioana Mureșan"])]
    role: Annotated[str, line(120), Field(title="Role", examples=["Administrator"])]
    email: Email


class Acceptance(Input):
    """Accepts the consent declaration in the version that was read."""

    model_config = ConfigDict(title="Consent declaration")
    version: Annotated[str, line(200), Field(title="Version", examples=["2026-01"])]
    accepted_by: Accepter = Field(title="Accepted by")
    language: Language | None = Field(
        default=None,
        title="Language",
        description="in which the text was read; the reader's own where left out",
    )


class ActorView(BaseModel):
    """Who did it: `kind` says how we know."""

    kind: str
    name: str

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "ActorView":
        actor = Actor.model_validate(stored)
        return cls(kind=actor.kind, name=actor.name)


class AcceptanceView(BaseModel):
    """An acceptance: who, which text, when, and who recorded it from where."""

    model_config = ConfigDict(title="Acceptance")
    id: str
    document: str
    version: str
    language: str
    sha256: str
    accepted_by: dict[str, str | None]
    accepted_at: datetime
    recorded_by: ActorView
    address: str | None

    @classmethod
    def of(cls, row: tables.Consent) -> "AcceptanceView":
        person = {"name": row.accepted_name, "role": row.accepted_role, "email": row.accepted_email}
        kept: dict[str, Any] = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls(**{**kept, "accepted_by": person, "recorded_by": ActorView.of(row.recorded_by)})


class VersionView(BaseModel):
    """A version of a declaration. A material one has to be accepted by everybody, whatever they accepted before."""

    version: str
    valid_from: date | None = Field(description="null: always")
    material: bool
    changed: str | None = Field(description="what is different from the version before, in your language")

    @classmethod
    def of(cls, one: DeclarationVersion, language: str) -> "VersionView":
        return cls(
            version=one.version,
            valid_from=None if one.valid_from == ALWAYS else one.valid_from,
            material=one.material,
            changed=one.changed.in_(language) if one.changed else None,
        )


class AskedAgainView(BaseModel):
    """Why what was accepted does not count any more."""

    reason: str = Field(description="`material_version` or `other_document`")
    text: str = Field(description="the same in your language")
    accepted_document: str
    accepted_version: str
    versions: list[VersionView] = Field(description="what came into force since, oldest first")

    @classmethod
    def of(cls, asked: AskedAgain, language: str) -> "AskedAgainView":
        return cls(
            reason=asked.reason,
            text=REASONS[asked.reason].in_(language).format(accepted=asked.accepted_version),
            accepted_document=asked.accepted_document,
            accepted_version=asked.accepted_version,
            versions=[VersionView.of(one, language) for one in asked.versions],
        )


class DeclarationView(BaseModel):
    """The consent declaration in force, what was accepted, and why it is asked again where it is."""

    model_config = ConfigDict(title="Declaration in force")
    document: str
    version: str
    sha256: str = Field(description="of the text's UTF-8 bytes")
    language: str
    text: str = Field(description="Markdown")
    in_force: VersionView
    coming: list[VersionView] = Field(description="versions whose day is still to come")
    accepted: AcceptanceView | None = Field(
        description="the acceptance that counts: of this version, or of an older one where none since is material"
    )
    asked_again: AskedAgainView | None
    acceptances: list[AcceptanceView] = Field(description="all there were, newest first")
