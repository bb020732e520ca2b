"""The public shape of the explainer's answer, and of a service's openings (R6, R18–R20)."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.onboardings import Status, Waiting


class RemedyView(BaseModel):
    """What mends it: `call` it, its body as the onboarding's actions or the docs give it; or open the `link`."""

    name: str
    kind: Literal["call", "link"]
    method: str
    href: str


class ReasonView(BaseModel):
    """One reason; the codes are listed in `docs/explainer.md`."""

    code: str = Field(examples=["prices.missing"], description="stable, for programs")
    severity: Literal["blocking", "warning"]
    text: str = Field(description="in the reader's language")
    party: Waiting = Field(description="who must act")
    since: datetime | None = Field(description="null where it is not known")
    by: str | None = Field(description="who did it; null where it is not known")
    step: str | None = Field(description="key of the playbook's step that it belongs to")
    services: int = Field(description="ticked services that it concerns; 0 in a service's own reason")
    remedy: RemedyView | None


class ServiceReadinessView(BaseModel):
    """Whether patients can be booked for a service, and every reason why not."""

    id: str
    code: str
    name: str
    bookable: bool
    reasons: list[ReasonView]


class ServiceReadinessPage(BaseModel):
    items: list[ServiceReadinessView]
    next_cursor: str | None


class ReadinessView(BaseModel):
    """Why a channel and its services are, or are not, bookable at the partner now.

    Reasons come in the order in which mending helps most; services that are ticked but blocked come first.
    """

    model_config = ConfigDict(title="Readiness")
    provider_id: str
    partner: str
    partner_name: str
    bookable: bool
    onboarding: str | None = Field(description="id of the onboarding that governs the channel")
    status: Status | None = Field(description="of that onboarding; null where there is none")
    language: str
    reasons: list[ReasonView]
    services: ServiceReadinessPage


class OpeningView(BaseModel):
    """A time in which a physician receives patients for the service."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)
    date: date
    start: str = Field(alias="from", description="HH:MM on the provider's own clock", examples=["09:00"])
    end: str = Field(alias="to", examples=["17:00"])
    starts_at: datetime
    ends_at: datetime
    calendar_id: str
    physician: str


class AvailabilityView(BaseModel):
    """The next openings that are long enough for the service, public holidays and exceptions heeded."""

    model_config = ConfigDict(title="Availability")
    service_id: str
    duration_minutes: int
    days: int
    time_zone: str
    available: bool
    items: list[OpeningView]
    next_cursor: str | None
