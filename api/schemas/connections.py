"""The public shape of live connections (R14–R17). Apart from the store: the contract outlives its insides."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.onboardings import ActionView, ProviderBrief, Waiting
from domain.model import Note
from domain.steps.confirm import ConfirmOnBehalf

ConnectionState = Literal["active", "paused", "ending", "ended"]
NoticeStateName = Literal["waiting", "sent", "acknowledged", "rejected", "withdrawn"]


class SendAll(BaseModel):
    """Has the partner's system be told everything again."""

    model_config = ConfigDict(extra="forbid")
    reason: Note | None = Field(default=None, title="Reason", json_schema_extra={"format": "textarea"})


class TellAgain(BaseModel):
    """Tells the end to everybody who could not be told, at their addresses of now."""

    model_config = ConfigDict(extra="forbid")


class RemindNotice(BaseModel):
    """Sends the notice once more, with a fresh link."""

    model_config = ConfigDict(extra="forbid")


class AcknowledgeOnBehalf(ConfirmOnBehalf):
    """Records the partner's acknowledgement that came by another way, with what proves it."""


class ConfirmEnd(ConfirmOnBehalf):
    """Records the partner's word that it offers nothing of an ended connection any more, with what proves it."""


class MoneyView(BaseModel):
    amount: str = Field(examples=["120.00"])
    currency: str = Field(examples=["RON"])


class Counts(BaseModel):
    """How many services and notices of a connection are in which state."""

    services: int = Field(description="bookable now")
    acknowledged: int = Field(description="that the partner has, as far as it said")
    drifting: int = Field(description="of which the partner has something else than is bookable")
    rejected: int = Field(description="that the partner's system did not take")
    notices_open: int


class DeliveryView(BaseModel):
    """A message to the partner's system: the same id and content in every try."""

    id: str
    sequence: int
    type: Literal["services.changed", "services.snapshot", "connection.ended"]
    state: Literal["waiting", "taken", "superseded"]
    services: int = Field(description="told as bookable")
    withdrawn: int
    tries: int
    created_at: datetime
    last_try_at: datetime | None
    next_try_at: datetime | None
    settled_at: datetime | None
    verdict: Literal["taken", "later", "refused", "gone"] | None = Field(
        description="what the partner's last answer means"
    )
    status: int | None = Field(description="HTTP status of the last answer")
    answer: str | None


class HealthView(BaseModel):
    """How the partner's system does, for all of its connections."""

    failing_since: datetime | None
    open_until: datetime | None = Field(
        description="nothing is tried before; null while nothing is held back"
    )
    last_error: str | None


class ComparisonView(BaseModel):
    """What the partner's system answered last when it was asked what it holds."""

    known: bool = Field(description="whether it told")
    held: int = Field(
        description="how many services it holds, where it told; else, after the end, how many it would not let go"
    )
    detail: str = Field(description="why its answer cannot be used; empty where it can, or is not offered")
    since: datetime = Field(description="since when it answers this")


class ConnectionBrief(BaseModel):
    """A live channel in a list, from its activation to its end."""

    id: str
    provider: ProviderBrief
    partner: str
    onboarding_id: str
    status: ConnectionState = Field(
        description="`ending`: we say closed, it is not sure that the partner knows"
    )
    since: datetime = Field(description="when this status came about")
    reason: str | None
    started_at: datetime
    ended_at: datetime | None
    cause: Literal["permission_disabled", "last_service_deleted"] | None = Field(
        description="why it ends (R17)"
    )
    ended_by: dict[str, Any] | None
    sequence: int = Field(description="of the last delivery that was made")
    counts: Counts
    untold: int = Field(description="who could not be told that it ended")
    waiting_on: Waiting | None
    delivery: DeliveryView | None = Field(description="the one that waits to be taken")
    partner_health: HealthView | None
    comparison: ComparisonView | None = Field(
        description="of one that ends: only since its system took the end"
    )


class ConnectionView(ConnectionBrief):
    """One connection, with what can be done about it."""

    partner_name: str
    proof: dict[str, Any] | None = Field(
        description="of the end: `known`, whether the partner told what it holds, and `held`, how many services those "
        "were; where somebody recorded its word, `recorded_by`, `on_behalf_of` and `evidence`"
    )
    actions: list[ActionView]


class SideView(BaseModel):
    """A service on one side."""

    duration_minutes: int | None
    price: MoneyView | None


class RejectionView(BaseModel):
    """The partner's no to one service."""

    code: str
    detail: str
    at: datetime


class ConnectedServiceView(BaseModel):
    """One service on both sides."""

    id: str
    code: str
    name: str
    bookable: bool
    ours: SideView | None = Field(description="what is bookable")
    theirs: SideView | None = Field(description="what the partner's system acknowledged last")
    their_price: MoneyView | None = Field(
        description="the price that the partner knows by a notice, where it takes no recorded prices (R16)"
    )
    drift: bool
    since: datetime | None = Field(description="since when both sides differ")
    admitted_at: datetime | None = Field(description="when the partner confirmed it (R14)")
    acknowledged_at: datetime | None
    rejection: RejectionView | None


class NoticeBrief(BaseModel):
    """What the partner is told by e-mail and acknowledges by link (R14, R16)."""

    id: str
    number: int
    kind: Literal["new_services", "prices"]
    edit_id: str | None = Field(description="the price edit that it tells")
    services: int
    state: NoticeStateName
    attempt: int
    created_at: datetime
    sent_at: datetime | None
    trouble: str | None = Field(description="the mail server's no, or doubt")
    held_by: int | None = Field(description="the number of the notice that came back, and goes out before it")
    settled_at: datetime | None
    settled_by: dict[str, Any] | None = Field(
        description="who acknowledged it; with `on_behalf_of` where somebody recorded the partner's word"
    )
    reason: str | None = Field(description="the partner's no")


class NoticeLine(BaseModel):
    """One service of a notice."""

    service_id: str
    code: str
    name: str
    duration_minutes: int
    old: MoneyView | None
    new: MoneyView | None
    later: int | None = Field(description="the number of the newer notice whose price `new` is")


class ConnectionNotice(NoticeBrief):
    """One notice, whole."""

    lines: list[NoticeLine] = Field(
        description="while it is open as they hold now, as its link shows them; then as they were written"
    )
    actions: list[ActionView]


class ConnectionEventView(BaseModel):
    """One line of a connection's history."""

    id: str
    type: str
    at: datetime
    actor: dict[str, Any]
    data: dict[str, Any]


class ConnectionPage(BaseModel):
    items: list[ConnectionBrief]
    next_cursor: str | None


class ConnectedServicePage(BaseModel):
    items: list[ConnectedServiceView]
    next_cursor: str | None


class DeliveryPage(BaseModel):
    items: list[DeliveryView]
    next_cursor: str | None


class NoticePage(BaseModel):
    items: list[NoticeBrief]
    next_cursor: str | None


class ConnectionEventPage(BaseModel):
    items: list[ConnectionEventView]
    next_cursor: str | None
