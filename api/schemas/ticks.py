"""The public shape of ticking in bulk (R7)."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from adapters.database import ticks as store
from api.schemas.catalogue import Code, Input, Minutes, ServiceId
from api.schemas.changes import Services
from api.schemas.channels import MOST_SERVICES
from api.schemas.preview import ChannelEffect

EXPLAINED = 500


class ServiceFilter(Input):
    """All services that fit everything named here; `{}` is all there are."""

    model_config = ConfigDict(title="Filter")
    q: (
        Annotated[
            str,
            StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$"),
            Field(title="Code or name has in it", examples=["eco"]),
        ]
        | None
    ) = None
    duration_min: Minutes | None = None
    duration_max: Minutes | None = None
    has_price: bool | None = Field(default=None, title="Has a price on this channel")
    has_calendar: bool | None = Field(default=None, title="Has an opening long enough in the next 30 days")

    def stored(self) -> store.Filter:
        return store.Filter(**self.model_dump(exclude_none=True))


class Selection(Input):
    """Some services, named in one of three ways."""

    model_config = ConfigDict(title="Selection of services")
    service_ids: Annotated[list[ServiceId], Field(max_length=MOST_SERVICES)] | None = None
    codes: Annotated[list[Code], Field(max_length=MOST_SERVICES)] | None = None
    filter: ServiceFilter | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Selection":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("name the services in one way: “service_ids”, “codes” or “filter”")
        return self


class TickChange(Input):
    """Ticks what `add` selects and then unticks what `remove` selects; all others stay as they are."""

    model_config = ConfigDict(title="Ticks to add and to remove")
    add: Selection | None = None
    remove: Selection | None = None

    @model_validator(mode="after")
    def _something(self) -> "TickChange":
        if self.add is None and self.remove is None:
            raise ValueError("nothing is asked for: send “add”, “remove” or both")
        return self


class WhyNot(BaseModel):
    """Why a ticked service cannot be booked yet; `code` as in the channel's readiness."""

    code: str
    text: str


class NotYetBookable(BaseModel):
    """A ticked service that lacks something that the partner's playbook needs."""

    id: str
    code: str
    name: str
    reasons: list[WhyNot]


class Explained(BaseModel):
    total: int
    shown: list[NotYetBookable] = Field(description=f"the first {EXPLAINED}, by code")


class TickResult(BaseModel):
    """What was ticked and unticked, and which ticked services still lack something. Ticking them is allowed."""

    model_config = ConfigDict(title="Ticks changed")
    dry_run: bool
    published: int = Field(description="services ticked on this channel then")
    added: Services
    removed: Services
    not_yet_bookable: Explained
    channels: list[ChannelEffect] | None = Field(
        default=None, description="with `dry_run`: steps that would move, services that would be withdrawn"
    )
