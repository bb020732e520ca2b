"""The public shape of a preview: what a change of the catalogue would lead to (`?dry_run=true`)."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.changes import Services
from domain.tested import Difference


class StepEffect(BaseModel):
    """A step of the open onboarding that would move."""

    key: str
    title: str
    state: str = Field(description="as it would be then")
    blocker: str | None = None
    difference: dict[str, Any] | None = Field(
        default=None, description="of a joint test: what would not be as it was tested; `totals` and `listed`"
    )

    @staticmethod
    def shown(found: Difference) -> dict[str, Any]:
        return found.model_dump(mode="json", exclude_none=True)


class ChannelEffect(BaseModel):
    """What it would mean for one channel."""

    partner: str
    onboarding_id: str | None = Field(description="the open onboarding, if there is one")
    reopens: list[StepEffect] = Field(description="steps that are done and would have to be done again")
    completes: list[StepEffect] = Field(description="steps that would be done by it")
    withdrawn: Services = Field(description="services that would no longer be offered on this channel")
    offered: Services = Field(description="services that would be offered on it from then on")
    asks_partner: Services = Field(
        description="new examinations that the partner would be asked to confirm (R14)"
    )
    ends_connection: bool = Field(description="the live connection would end: all would be withdrawn (R17)")
    starts_onboarding: bool = Field(description="a new onboarding would start")


class Preview(BaseModel):
    """What the call would do without `dry_run`; nothing was changed. Channels without any effect are left out."""

    model_config = ConfigDict(title="Preview")
    dry_run: Literal[True] = True
    channels: list[ChannelEffect]
