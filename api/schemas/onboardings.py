"""The public shape of onboardings (DESIGN, HTTP contract). Apart from the domain: the contract outlives its insides."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.schemas.meetings import FailedTest, MeetingView
from domain.errors import N_
from domain.model import Note as NoteText

Status = Literal["in_progress", "on_hold", "live", "cancelled", "failed"]
Waiting = Literal["us", "provider", "partner", "system"]
State = Literal["pending", "waiting", "running", "done", "stale", "skipped"]


class StartOnboarding(BaseModel):
    """Starts a partner's playbook for a provider."""

    model_config = ConfigDict(extra="forbid")
    provider_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(title="Provider")
    partner: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        title="Partner", examples=["generali", "europ-assistance", "global-assistance"]
    )


class Reason(BaseModel):
    """Why it is held, resumed or cancelled."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[NoteText, Field(min_length=3)] = Field(
        title="Reason", json_schema_extra={"format": "textarea"}
    )


class Cancel(Reason):
    """Ends it for good; the parties are told."""

    reason: Annotated[NoteText, Field(min_length=3)] = Field(
        title="Reason",
        description=N_("Provider and partner read this."),
        json_schema_extra={"format": "textarea"},
    )


class Hold(Reason):
    """Puts it on hold: all clocks stand, links wait. On hold already, it plans another end."""

    until: date | None = Field(
        default=None,
        title="Planned until",
        description=N_("We are asked on that day whether it goes on; nothing goes on by itself."),
    )


class HoldView(BaseModel):
    """Since when the clocks stand; `is_over`: the planned day has come and nobody has resumed it."""

    since: datetime
    until: date | None
    is_over: bool


class NextView(BaseModel):
    """What happens by itself if nobody does anything before."""

    at: datetime
    what: Literal["remind", "escalate", "ask"] = Field(
        description="`ask`: the planned end of a hold has come; the account manager is asked whether it goes on"
    )
    to: str = Field(
        description="role of the reader: `provider`, one of the partner's contacts, `account_manager` or `lead`"
    )


class ActionView(BaseModel):
    """Something that can be done now: send `schema`'s body with `method` to `href`."""

    name: str
    method: str
    href: str
    body_schema: dict[str, Any] = Field(alias="schema", description="JSON Schema of the body")
    allowed_for: list[Waiting]
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class RejectionView(BaseModel):
    """The last no to this step, until it is done."""

    reason: str
    by: str
    party: Waiting
    at: datetime
    attempt: int


class MailAddress(BaseModel):
    """A recipient; `role` is `provider`, `support`, `account_manager`, `lead`, or one of the partner's contacts."""

    name: str
    email: str
    role: str


class MailBrief(BaseModel):
    """One message of the step, as the ledger knows it."""

    id: str
    template: str
    to: list[MailAddress]
    cc: list[MailAddress]
    sender: str
    subject: str
    language: str
    state: Literal["queued", "sending", "sent", "refused", "unknown", "bounced"]
    answer: str | None
    tries: int
    step: str
    attempt: int
    message_id: str
    created_at: datetime
    settled_at: datetime | None


class VoidedView(BaseModel):
    """Answers that a change of the catalogue made void: they were of another configuration (R12)."""

    at: datetime
    attempt: int = Field(description="the attempt whose answers are void")
    difference: dict[str, Any] | None = Field(
        description="`totals` by kind, and the first 50 as `listed`: `{what, service_id, code, name, old, new}`; "
        "null where what was tested is not known any more"
    )


class StepView(BaseModel):
    """One step of an onboarding."""

    key: str
    title: str
    help: str | None
    kind: str
    state: State
    waiting_on: Waiting | None
    since: datetime | None
    due_at: datetime | None
    age_working_days: int | None = Field(
        default=None,
        description="working days of who must act since `since`, holds left out; null: nobody must",
    )
    next: NextView | None = Field(default=None, description="the next automatic thing")
    skippable: bool = Field(default=False, description="the playbook allows to go on without it")
    attempt: int
    needs: list[str]
    actor: Waiting
    blocker: str | None = Field(description="why it waits on us, where something went wrong")
    rejection: RejectionView | None
    voided: VoidedView | None = Field(
        default=None, description="why it is to be done again, where a change voided it; until it is done"
    )
    meeting: MeetingView | None = Field(default=None, description="of a joint test, the newest one (R12)")
    failures: list[FailedTest] = Field(
        default=[], description="attempts at a joint test that a party called failed, the first one first"
    )
    result: dict[str, Any] = Field(description="what was recorded: evidence, answers")
    actions: list[ActionView]


class RequirementError(BaseModel):
    """Why something that is due is not done; the codes are those of the explainer (`docs/explainer.md`)."""

    code: str = Field(examples=["prices.missing"])
    step: str | None = Field(description="null where it concerns the onboarding as a whole")
    text: str = Field(description="in the reader's language")
    party: Waiting = Field(description="who must act")


class Requirements(BaseModel):
    """Keys of the steps, by how soon they need somebody; `errors` says why those whose turn it is are not done."""

    currently_due: list[str]
    past_due: list[str]
    pending_verification: list[str] = Field(
        description="with the partner or with Racord: nothing to do for you now"
    )
    eventually_due: list[str]
    errors: list[RequirementError]


class ProviderBrief(BaseModel):
    id: str
    name: str


class PersonBrief(BaseModel):
    """An account manager, where something names one."""

    id: str = Field(examples=["amg_3k9d0m2x7q4w8z1v5b6n"])
    name: str


class OnboardingBrief(BaseModel):
    """An onboarding in a list."""

    id: str
    provider: ProviderBrief
    partner: str
    status: Status
    revision: int
    waiting_on: Waiting | None
    waiting_step: str | None = Field(description="key of the step waited on longest")
    waiting_since: datetime | None
    due_at: datetime | None
    assignee: PersonBrief | None = Field(default=None, description="the account manager; null: nobody yet")
    acting: PersonBrief | None = Field(
        default=None, description="who stands in for the assignee today; null where the assignee acts"
    )
    done: int = Field(description="steps done or skipped")
    total: int
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class OnboardingView(OnboardingBrief):
    """One onboarding, whole. `partner_name` is for people; `reason` says why it is held or cancelled."""

    partner_name: str
    reason: str | None
    hold: HoldView | None = Field(default=None, description="null where it is not on hold")
    steps: list[StepView]
    requirements: Requirements
    actions: list[ActionView]


class EventView(BaseModel):
    """One line of the history."""

    id: str
    revision: int
    type: str
    at: datetime
    step: str | None
    actor: dict[str, Any]
    on_behalf_of: str | None
    data: dict[str, Any]


class Acknowledged(BaseModel):
    """The command was noted, but no worker has answered yet; look at `href` and send it again with the same key."""

    status: Literal["accepted"] = "accepted"
    href: str
    detail: str = "Noted, but no worker is at work at this moment."
    mend: str = "Look at href in a moment; to be sure, send the same request with the same Idempotency-Key."


class StandingMeeting(BaseModel):
    step: str
    starts_at: datetime
    place: str


class ReopenPreview(BaseModel):
    """What a reopening would make stale."""

    step: str
    invalidates: list[str]
    meetings: list[StandingMeeting] = Field(
        description="those that stay in everybody's calendar though their step must wait (R12)"
    )


class OnboardingPage(BaseModel):
    items: list[OnboardingBrief]
    next_cursor: str | None


class EventPage(BaseModel):
    items: list[EventView]
    next_cursor: str | None


class MailPage(BaseModel):
    items: list[MailBrief]
    next_cursor: str | None
