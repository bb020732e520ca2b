"""What every step kind has in common. A new kind is one subclass of :class:`Step` in a file of its own.

A kind answers questions about one step and keeps no state: everything it needs is in the :class:`StepView`.
"""

from collections.abc import Iterable
from datetime import date as date_
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from domain.errors import N_, Invalid
from domain.facts import ChannelFacts, Remedy
from domain.model import Frozen, Key, Line, LocalText, Note, Party, StepState
from domain.tested import Voided

OURS = ("account_manager", "lead")


class MailOutcome(Frozen):
    """What became of one message: ``sent`` is only ever said with the server's answer as proof."""

    state: str = Field(pattern="^(sent|refused|unknown|bounced)$")
    at: datetime
    detail: str = ""
    message_id: str = ""
    address: str = Field(default="", description="of the recipient, where the message came back")


class NextThing(Frozen):
    """What happens by itself if nobody does anything: to whom, at what time."""

    at: datetime
    what: str = Field(pattern="^(remind|escalate)$")
    to: str = Field(description="role of the reader")
    rung: int | None = Field(default=None, description="working days from the due date, on the ladder")


def _each_role(again: Any) -> Any:
    """Records of before it was counted for each role say one number, of all of them."""
    return {"": again} if isinstance(again, int) else again


class Meeting(Frozen):
    """An appointment of both parties (R12). Its calendar entry is known by ``uid``; a change makes ``sequence`` grow."""

    uid: str
    sequence: int = 0
    starts_at: datetime
    minutes: int = Field(ge=5, le=480)
    place: str = Field(description="a room, or the address of a video call")
    cancelled: str | None = Field(default=None, description="the reason, where it was cancelled")
    attempt: int = Field(default=1, description="of the step, for which it was arranged")
    at: datetime | None = Field(default=None, description="when it was arranged, moved or cancelled")
    reason: str | None = Field(default=None, description="why it was moved")
    again: Annotated[dict[str, int], BeforeValidator(_each_role)] = Field(
        default={}, description="role, or “” for all → how often its message is sent again where it got lost"
    )
    after: "Meeting | None" = Field(default=None, description="the cancelled one before it")

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)

    def again_to(self, role: str) -> int:
        return self.again.get(role, self.again.get("", 0))


class Rejection(Frozen):
    """A party's no, kept with the step until the step is done."""

    reason: str
    by: str
    party: Party
    at: datetime
    attempt: int


def _each_party(agreed: Any) -> Any:
    """Records of before each party had a date of its own say ``{party, due_at}``, or null."""
    if agreed is None:
        return {}
    if isinstance(agreed, dict) and "due_at" in agreed:
        return {agreed["party"]: agreed["due_at"]}
    return agreed


class StepRecord(Frozen):
    """Where one step stands. ``result`` is the kind's own; ``was_done`` makes an open step ``stale``."""

    key: str
    state: StepState = StepState.PENDING
    was_done: bool = False
    attempt: int = 1
    waiting_on: Party | None = None
    since: datetime | None = None
    due_at: datetime | None = None
    own_due_at: datetime | None = Field(default=None, description="the due date, were there no meeting")
    agreed: Annotated[dict[Party, datetime], BeforeValidator(_each_party)] = Field(
        default={}, description="party → when it is to be done, as a person set it for this attempt"
    )
    result: dict[str, Any] = {}
    mails: dict[str, MailOutcome] = {}
    reminders: int = 0
    reminded_only: dict[str, str] = Field(
        default={}, description="number of a reminder → the one role it is for"
    )
    basis: int = Field(
        default=0, description="attempts of the answers that it stands on, when it was last open"
    )
    rejection: Rejection | None = None
    cleared: bool = False
    blocker: str | None = None
    voided: Voided | None = None
    meeting: Meeting | None = Field(default=None, description="of the newest attempt that had one")
    calls: tuple[str, ...] = Field(default=(), description="roles that were told that it waits too long")
    handled: dict[str, int] = Field(default={}, description="`what:role` → the newest rung that is done with")
    handled_until: datetime | None = Field(
        default=None, description="automatic things without a rung are done with up to here"
    )
    reminded_at: dict[str, datetime] = Field(
        default={}, description="role → newest reminder or call to it, by whomever"
    )
    held_days: int = Field(default=0, description="working days of holds since ``since``")
    next: NextThing | None = None

    @property
    def is_open(self) -> bool:
        """Its needs are met and it is not done: somebody (or Racord) is at it."""
        return self.state is not StepState.DONE and (self.waiting_on is not None)

    def renewed(self) -> Self:
        """The next attempt: the answers of the last one are void."""
        return self.model_copy(
            update={
                "attempt": self.attempt + 1,
                "since": None,
                "result": {},
                "reminders": 0,
                "reminded_only": {},
                "calls": (),
                "cleared": False,
                "blocker": None,
                "agreed": {},
            }
        )


class StepView(Frozen):
    """All that a kind may look at."""

    record: StepRecord
    facts: ChannelFacts
    now: datetime
    rules: int = 1


class Standing(Frozen):
    """A kind's verdict on a step whose needs are met."""

    state: StepState
    waiting_on: Party | None = None
    blocker: str | None = None
    renew: str | None = Field(
        default=None, description="why the answers so far are void: a new attempt begins"
    )


DONE = Standing(state=StepState.DONE)


def waits_on(party: Party, blocker: str | None = None) -> Standing:
    return Standing(state=StepState.WAITING, waiting_on=party, blocker=blocker)


class MailOrder(Frozen):
    """A message that a step wants out. ``key`` is unique within its onboarding: the same order is never sent twice."""

    key: str
    step: str
    attempt: int
    template: str
    to: str = Field(description="role of a contact: `provider`, or a role in the partner's contacts")
    cc: tuple[str, ...] = ()
    sender: str = "racord"
    link: bool = False
    fresh_link: bool = False
    on_trouble: str = Field(default="resend", pattern="^(resend|hold)$")


class Answer(Frozen):
    """What an action leads to."""

    result: dict[str, Any] | None = Field(default=None, description="the step's new result")
    rejected: str | None = Field(
        default=None, description="a party's no: the next attempt begins, with this reason"
    )
    rejected_by: Party | None = None
    cleared: bool = Field(default=False, description="the reason of the last rejection is settled")
    renew: bool = Field(default=False, description="start over with a new attempt: new messages, new links")
    remind: bool = Field(default=False, description="send one more message, with a fresh link")
    remind_only: Key | None = Field(default=None, description="to this role alone")
    meeting: Meeting | None = Field(default=None, description="arranged, moved or cancelled")


class Body(BaseModel):
    """The body of an action; its JSON Schema is public and forms are made from it."""

    model_config = {"extra": "forbid", "frozen": True}

    note: Note | None = Field(default=None, title="Note", json_schema_extra={"format": "textarea"})


class Action(Frozen):
    """Something a person can do about an open step. ``allowed_for`` are the parties that may."""

    name: str
    body: type[BaseModel] | None
    allowed_for: tuple[Party, ...]
    by_link: bool = Field(default=False, description="a signed link offers it")
    remedy: Remedy | None = Field(default=None, description="it is a call of the catalogue, not of the step")


class Evidence(BaseModel):
    """What proves it: a document or message that can be found again, and its date."""

    # Another title than the fields that hold one: pydantic drops a field's title that equals it.
    model_config = {"extra": "forbid", "frozen": True, "title": "Proof"}

    document: Line = Field(
        title="Document", description=N_("Number, file name or link by which it can be found again.")
    )
    date: date_ = Field(title="Date of the document")
    file: str | None = Field(
        default=None,
        title="File",
        max_length=64,
        description="Id of the uploaded evidence (PDF, e-mail or picture).",
        json_schema_extra={"format": "evidence"},
    )


class OnBehalfOf(BaseModel):
    """The person whose word is recorded by somebody else (both names are kept)."""

    model_config = {"extra": "forbid", "frozen": True}

    party: Annotated[str, StringConstraints(pattern="^(provider|partner)$")] = Field(
        title="Party", json_schema_extra={"enum": ["provider", "partner"]}
    )
    name: Line = Field(title="Name", max_length=120)


class Remind(Body):
    """Asks the party again, with a fresh link where one is needed."""

    to: Key | None = Field(
        default=None,
        title="Only to",
        description="role of the one contact to be asked",
        json_schema_extra={"x-hidden": True},
    )


class Retry(Body):
    """Starts over what was refused: the matter is settled."""


REMIND = Action(name="remind", body=Remind, allowed_for=(Party.US,))
RETRY = Action(name="retry", body=Retry, allowed_for=(Party.US,))


class Escalation(Frozen):
    """Whom to tell that a step is overdue: a role at the partner, `account_manager`, or `lead`."""

    after: int = Field(ge=0, le=365, description="working days behind the due date")
    to: Key


class Step(Frozen):
    """One step of a playbook, as written in its YAML file."""

    key: Key
    kind: str
    title: LocalText
    help: LocalText | None = None
    actor: Party
    needs: tuple[Key, ...] = ()
    due_working_days: int | None = Field(default=None, ge=1, le=365)
    reminders: tuple[int, ...] | None = Field(
        default=None, description="working days from the due date, negative before it; else the playbook's"
    )
    escalation: tuple[Escalation, ...] | None = Field(default=None, description="else the playbook's")
    skippable: bool = False

    templates: ClassVar[tuple[str, ...]] = ()
    invites: ClassVar[bool] = False  # asks somebody by a signed link
    carries_over: ClassVar[bool] = False  # what was recorded stays true after the connection ended

    def standing(self, view: StepView) -> Standing:
        """Where the step stands, its needs being met."""
        raise NotImplementedError

    def actions(self, view: StepView) -> tuple[Action, ...]:
        """What people can do about the open step now."""
        raise NotImplementedError

    def answer(self, view: StepView, action: str, body: BaseModel, party: Party) -> Answer:
        """Applies an action, its body already validated; ``party`` is the side that acts.

        Raises a :class:`domain.errors.RacordError` to refuse it.
        """
        if action == REMIND.name:
            self._refuse_unknown_role(view, body)
            return Answer(remind=True, remind_only=body.to if isinstance(body, Remind) else None)
        if action == RETRY.name:
            return Answer(cleared=True, remind=True)
        raise NotImplementedError(action)

    def _refuse_unknown_role(self, view: StepView, body: BaseModel) -> None:
        asked = {*self.asked(view), *view.record.calls} - set(OURS)
        if isinstance(body, Remind) and body.to is not None and body.to not in asked:
            raise Invalid(
                "Nobody with the role “{role}” is asked in this step.",
                mend="Name one of: {roles}; or none, to ask all of them.",
                role=body.to,
                roles=", ".join(sorted(asked)),
            )

    def asked(self, view: StepView) -> tuple[str, ...]:
        """Roles of those whose answer or deed the open step waits for, and who may be reminded."""
        return ()

    def letters(self, view: StepView) -> tuple[MailOrder, ...]:
        """Those of its messages that ask somebody for an answer or a deed."""
        return self.mails(view)

    def is_on_its_way(self, view: StepView, role: str) -> bool:
        """Whether something that asks that role is wanted out and has no outcome yet: nothing reminds them of it."""
        wanted = (order for order in self.letters(view) if order.key not in view.record.mails)
        return view.rules >= 2 and any(order.to == role for order in wanted)

    def lasting_actions(self, view: StepView) -> tuple[Action, ...]:
        """What may be done though the step is not open, or the onboarding is on hold."""
        return ()

    def lasting_mails(self, view: StepView) -> tuple[MailOrder, ...]:
        """Messages that are wanted out though the step is not open, the onboarding on hold, or cancelled."""
        return ()

    def moments(self, record: StepRecord) -> tuple[NextThing, ...]:
        """Automatic things of this kind alone, besides the ladder of the playbook."""
        return ()

    def mails(self, view: StepView) -> tuple[MailOrder, ...]:
        """The messages that the open step wants out at this attempt, sent or not."""
        return ()

    def order(self, view: StepView, purpose: str, template: str, to: str, **more: Any) -> MailOrder:
        """A message of this step at this attempt."""
        attempt = view.record.attempt
        return MailOrder(
            key=f"{self.key}:{attempt}:{purpose}",
            step=self.key,
            attempt=attempt,
            template=template,
            to=to,
            **more,
        )

    def reminding(self, view: StepView, to: str, *, first: str | None = None) -> tuple[MailOrder, ...]:
        """One message for every time that somebody pressed “remind” at this attempt.

        Where a ``first`` message invites with a link, reminders carry a fresh one; while that first message never got
        through, it is sent again in place of a reminder of something that nobody read.
        """
        arrived = any(
            key.startswith(f"{self.key}:{view.record.attempt}:")
            and key.endswith(f":{to}")
            and mail.state == "sent"
            for key, mail in view.record.mails.items()
        )
        template = "reminder" if arrived or first is None else first
        return tuple(
            self.order(view, f"reminder-{n}:{to}", template, to, link=bool(first), fresh_link=bool(first))
            for n in range(1, view.record.reminders + 1)
            if view.record.reminded_only.get(str(n), to) == to
        )

    def trouble(self, view: StepView) -> str | None:
        """The server's no to the newest message to one of the recipients of this attempt."""
        return refusal(view, self.mails(view))

    def asking(self, view: StepView) -> Standing:
        """Waits on whoever must act; on us where their address takes no mail, so that it is corrected.

        Without an ``address`` a refusal is of a time when it was only shown.
        """
        outcomes = newest_to_each(view, self.mails(view))
        undeliverable = any(mail.state != "sent" and mail.address for mail in outcomes)
        return waits_on(Party.US if undeliverable else self.actor, self.trouble(view))

    def templates_used(self) -> tuple[str, ...]:
        """Names of the mail templates that must exist for this step."""
        return self.templates

    def contacts_used(self) -> tuple[str, ...]:
        """Roles of the partner's contacts that must exist for this step."""
        return ()


def refusal(view: StepView, orders: Iterable[MailOrder]) -> str | None:
    """The server's no to the newest of these messages to one of the recipients."""
    outcomes = newest_to_each(view, orders)
    return next((mail.detail or mail.state for mail in outcomes if mail.state != "sent"), None)


def newest_to_each(view: StepView, orders: Iterable[MailOrder]) -> list[MailOutcome]:
    """What became of the newest of these messages to each recipient, of those that are settled."""
    newest: dict[str, MailOutcome] = {}
    for order in orders:
        outcome = view.record.mails.get(order.key)
        if outcome is not None:
            newest[order.to] = outcome
    return list(newest.values())
