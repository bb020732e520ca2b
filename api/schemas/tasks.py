"""The public shape of the inbox: its filters, its items, saved views of it."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.database.onboardings import NOBODY
from api.schemas.catalogue import ID, Input, line
from api.schemas.onboardings import NextView, OnboardingBrief, PersonBrief, State, Status, Waiting

Kind = Literal["step", "connection", "hold"]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class TaskFilters(Input):
    """What the inbox is narrowed to; what is left out narrows nothing."""

    waiting_on: Waiting | None = None
    assignee: str | None = Field(
        default=None, pattern=ID, description=f"an account manager's id; `{NOBODY}`: assigned to nobody"
    )
    partner: Word | None = None
    provider_id: Word | None = None
    status: Status | None = Field(default=None, description="of the onboarding")
    kind: Kind | None = None
    overdue: bool | None = None
    due_before: date | None = Field(default=None, description="due before that day begins (UTC)")
    q: str | None = Field(default=None, max_length=100, description="in the provider's name")
    sort: Literal["since", "due"] | None = Field(
        default=None, description="`since`: longest waiting first, as without it; `due`: what is due first"
    )


class TaskQuery(TaskFilters):
    """The filters, beside a saved view whose filters they win over, and the page."""

    view: str | None = Field(default=None, pattern=ID, description="id of a saved view")
    limit: int = Field(default=50, ge=1, le=200, description="rows at most")
    cursor: str | None = Field(default=None, max_length=500, description="`next_cursor` of the page before")


class TaskConnection(BaseModel):
    """The live connection that something waits on."""

    id: str
    status: Literal["active", "paused", "ending", "ended"]
    count: int = Field(description="how many notices, services or letters it is about; else 1")


class TaskView(BaseModel):
    """Something that waits on somebody: a step, an onboarding on hold, or something on a live connection."""

    kind: Kind
    onboarding: OnboardingBrief
    connection: TaskConnection | None = Field(default=None, description="null for a step and for a hold")
    step: str = Field(
        description="the step's key; `on_hold`; on a connection `notice`, `notice_returned`, `notice_unsent`, "
        "`rejected`, `delivery`, `paused`, `ending` or `farewell`"
    )
    title: str
    text: str | None = Field(description="the reason of the hold; what stands in the way of the step")
    state: State
    waiting_on: Waiting
    since: datetime
    due_at: datetime | None = Field(description="of a hold: its planned end")
    age_working_days: int = Field(
        description="working days since `since` of the party that must act, holds left out"
    )
    is_overdue: bool
    next: NextView | None = Field(description="the next automatic thing; null where only people move it")
    assignee: PersonBrief | None = Field(description="the account manager; null: nobody yet")
    acting: PersonBrief | None = Field(
        description="who stands in for the assignee today; null where the assignee acts"
    )
    attempt: int
    href: str


class TaskPage(BaseModel):
    items: list[TaskView]
    next_cursor: str | None


Name = Annotated[str, line(60), Field(title="Name", examples=["Overdue at Generali"])]
Shared = Annotated[bool, Field(title="Shared", description="all account managers see it, and may change it")]


class NewSavedView(Input):
    """Filters of the inbox under a name."""

    model_config = ConfigDict(title="New view")
    name: Name
    filters: TaskFilters
    is_shared: Shared = False


class SavedViewChange(Input):
    """What of a view is to change; what is left out stays."""

    model_config = ConfigDict(title="Change of a view")
    name: Name = Field(default_factory=str)
    filters: TaskFilters = Field(default_factory=TaskFilters)
    is_shared: Shared = Field(default_factory=bool)


class SavedView(BaseModel):
    """A saved view: `GET` its `href` to apply it."""

    id: str
    name: str
    filters: TaskFilters
    is_shared: bool
    is_mine: bool
    created_by: str
    created_at: datetime
    href: str


class SavedViewPage(BaseModel):
    items: list[SavedView]
    next_cursor: str | None = None
