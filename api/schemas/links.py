"""The public shape of signed links, for programs; people get pages."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.connection import LineNow, NoticeKind
from domain.model import Line, Note


class Acknowledge(BaseModel):
    """Typed by the person who holds a link to a notice: a scanner that submits forms types no name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Line = Field(title="Your name", max_length=120)
    role: Line = Field(title="Your role", max_length=120)


class Decline(Acknowledge):
    """No to a notice, and why."""

    reason: Note = Field(
        title="What stands in the way?", min_length=3, json_schema_extra={"format": "textarea"}
    )


class NoticeView(BaseModel):
    """A notice to the partner (R14, R16): the first `lines` of so many `services`; the mail has all of them as a file.

    A line with `later` has the price of that newer notice, which the partner has already.
    """

    number: int
    kind: NoticeKind
    created_at: datetime
    services: int
    lines: list[LineNow]


class LinkActionView(BaseModel):
    """What can be answered: POST `{"action": name, ...}` with the fields of `schema`."""

    name: str
    body_schema: dict[str, Any] = Field(alias="schema")
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class LinkView(BaseModel):
    """What the link asks of whom. Without `actions` it waits: the onboarding is on hold, or something changed.

    A link to a notice has it in `notice`, and its id in `step`.
    """

    provider: str
    partner: str
    step: str
    title: str
    recipient: str
    expires_at: datetime
    actions: list[LinkActionView]
    on_hold: bool = Field(default=False, description="the onboarding is paused; the link stays good")
    notice: NoticeView | None = None


class LinkAnswer(BaseModel):
    """What was recorded; `accepted` where it is written down but not worked on yet."""

    status: Literal["recorded", "accepted"]
    action: str
    step: str
    onboarding: str
