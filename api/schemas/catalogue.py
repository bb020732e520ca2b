"""The public shape of providers, services and partners, and the kinds of field the catalogue is made of."""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from babel import Locale
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints

from adapters.database import tables

NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]*$"
ID = r"^[A-Za-z0-9_-]{1,64}$"

# What Unicode lists beside the countries of ISO 3166-1: unions, outlying parts, test codes.
_NO_COUNTRY = frozenset(
    ("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ")
)


class Input(BaseModel):
    """A body: loud about fields that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@cache
def countries() -> frozenset[str]:
    """The codes of ISO 3166-1 alpha-2."""
    codes = (str(code) for code in Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2) - _NO_COUNTRY


@cache
def time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _country(code: str) -> str:
    if code not in countries():
        raise ValueError(f"“{code}” is no country; use its two letters of ISO 3166, e.g. RO")
    return code


def _time_zone(name: str) -> str:
    if name not in time_zones():
        raise ValueError(f"“{name}” is no IANA time zone; use a name such as Europe/Bucharest")
    return name


def _email(address: str) -> str:
    # `test_environment` lets addresses in .test pass, which trials use and nobody else has.
    try:
        found = validate_email(
            address, check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError as error:
        problem = f"“{address[:100]}” is no e-mail address: {error}"
        raise ValueError(f"{problem} Write one such as office@clinic.ro") from None
    return found.ascii_email or found.normalized


def line(most: int) -> Any:
    """One line of text without control characters, blanks around it taken away."""
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=most, pattern=NO_CONTROL)


Language = Literal["en", "ro", "de", "it", "hu"]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    AfterValidator(_email),
    Field(title="E-mail", examples=["office@clinica-armonia.example"], json_schema_extra={"format": "email"}),
]
ServiceId = Annotated[str, StringConstraints(pattern=ID), Field(examples=["srv_3k9d0m2x7q4w8z1v5b6n"])]
Version = Annotated[int, Field(title="Version", description="grows with every change; it is the ETag")]

ProviderName = Annotated[str, line(120), Field(title="Name", examples=["Clinica Armonia"])]
Locale_ = Annotated[Language, Field(title="Language", description="of mails and pages for this provider")]
TimeZone = Annotated[
    str, line(64), AfterValidator(_time_zone), Field(title="Time zone", examples=["Europe/Bucharest"])
]
Country = Annotated[
    str,
    StringConstraints(pattern="^[A-Z]{2}$"),
    AfterValidator(_country),
    Field(title="Country", examples=["RO"], description="ISO 3166-1 alpha-2; its public holidays are heeded"),
]


class Contact(Input):
    """Somebody at the provider."""

    name: Annotated[str, line(120), Field(title="Name", examples=["Ioana Mureșan"])]
    role: Annotated[str, line(120), Field(title="Role", examples=["Administrator"])]
    email: Email
    phone: (
        Annotated[
            str,
            StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9][0-9 ()./-]{3,29}$"),
            Field(title="Phone", examples=["+40 264 555 010"]),
        ]
        | None
    ) = None


Contacts = Annotated[list[Contact], Field(title="Contacts", max_length=50)]


class NewProvider(Input):
    """A clinic that offers services."""

    model_config = ConfigDict(title="New provider")
    name: ProviderName
    email: Email
    locale: Locale_ = "ro"
    time_zone: TimeZone = "Europe/Bucharest"
    country: Country = "RO"
    contacts: Contacts = []


class ProviderChange(Input):
    """What of a provider is to change; what is left out stays."""

    model_config = ConfigDict(title="Change of a provider")
    name: ProviderName = Field(default_factory=str)
    email: Email = Field(default_factory=str)
    locale: Locale_ = Field(default_factory=lambda: "en")
    time_zone: TimeZone = Field(default_factory=str)
    country: Country = Field(default_factory=str)
    contacts: Contacts = Field(default_factory=list)


class ProviderView(BaseModel):
    """A clinic."""

    model_config = ConfigDict(title="Provider", from_attributes=True)
    id: str
    name: str
    email: str
    locale: str
    time_zone: str
    country: str
    contacts: list[dict[str, Any]]
    version: Version
    created_at: datetime

    @classmethod
    def of(cls, row: tables.Provider) -> "ProviderView":
        return cls.model_validate(row)


class ProviderPage(BaseModel):
    items: list[ProviderView]
    next_cursor: str | None


Code = Annotated[
    str, line(40), Field(title="Code", examples=["ECO-ABD"], description="the provider's own, used once")
]
ServiceName = Annotated[str, line(200), Field(title="Name", examples=["Ecografie abdominală"])]
Minutes = Annotated[int, Strict(), Field(title="Duration in minutes", ge=1, le=1440, examples=[30])]


class NewService(Input):
    """An examination that patients can be booked for."""

    model_config = ConfigDict(title="New service")
    code: Code
    name: ServiceName
    duration_minutes: Minutes


class ServiceChange(Input):
    """What of a service is to change; what is left out stays."""

    model_config = ConfigDict(title="Change of a service")
    code: Code = Field(default_factory=str)
    name: ServiceName = Field(default_factory=str)
    duration_minutes: Minutes = Field(default_factory=int)


class ServiceView(BaseModel):
    """An examination that patients can be booked for."""

    model_config = ConfigDict(title="Service", from_attributes=True)
    id: str
    code: str
    name: str
    duration_minutes: int
    version: Version
    created_at: datetime

    @classmethod
    def of(cls, row: tables.Service) -> "ServiceView":
        return cls.model_validate(row)


class ServicePage(BaseModel):
    items: list[ServiceView]
    next_cursor: str | None


class PartnerStep(BaseModel):
    """One step of a partner's procedure, in the reader's language."""

    key: str
    kind: str
    title: str
    help: str | None
    needs: list[str] = Field(description="keys of the steps that come first")
    actor: str = Field(description="who acts: us, provider, partner or system")
    due_working_days: int | None


class PartnerView(BaseModel):
    """A partner's procedure and rules."""

    model_config = ConfigDict(title="Partner")
    slug: str = Field(examples=["generali", "europ-assistance", "global-assistance"])
    name: str
    country: str
    languages: list[str]
    currency: str = Field(examples=["RON"])
    channel_name: str
    sync: dict[str, str] = Field(
        description="how a change reaches the partner, by field: push, notify_each, notify_both"
    )
    declaration: dict[str, str] = Field(
        description="`document` and `version` of the consent declaration in force"
    )
    steps: list[PartnerStep]


class PartnerPage(BaseModel):
    items: list[PartnerView]
    next_cursor: str | None
