"""The public shape of signed links, for programs; people get pages."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class LinkActionView(BaseModel):
    """What can be answered: POST `{"action": name, ...}` with the fields of `schema`."""

    name: str
    body_schema: dict[str, Any] = Field(alias="schema")
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class LinkView(BaseModel):
    """What the link asks of whom. Without `actions` it waits: the onboarding is on hold, or something changed."""

    provider: str
    partner: str
    step: str
    title: str
    recipient: str
    expires_at: datetime
    actions: list[LinkActionView]


class LinkAnswer(BaseModel):
    """What was recorded; `accepted` where it is written down but not worked on yet."""

    status: Literal["recorded", "accepted"]
    action: str
    step: str
    onboarding: str
