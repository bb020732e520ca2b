"""The engine: where an onboarding stands, and where a command, a fact or a mail takes it. Pure; no I/O, no clock.

Level-triggered: a step's state follows from its needs, its kind, its answers and the facts. Whatever happens, the
answer to "what now?" is :func:`_settle`, which asks every step once, in the order of their needs. So a price that is
removed makes the pricing step and all that stands on it ``stale``, and when it is set again, what is still valid
(a sent mail, an accepted declaration) is done again by itself, without bothering anyone twice.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from domain import errors
from domain.commands import Reopen, StatusCommand, StepCommand
from domain.deadlines import WorkCalendar, due_at
from domain.errors import N_
from domain.facts import ChannelFacts
from domain.model import SYSTEM, Actor, Frozen, OnboardingStatus, Party, StepState
from domain.playbook import Playbook
from domain.steps import Step
from domain.steps.base import Action, MailOrder, MailOutcome, Rejection, StepRecord, StepView
from domain.tested import Voided
from domain.validation import explain

WAITED_ON_FIRST = (Party.US, Party.PROVIDER, Party.PARTNER, Party.SYSTEM)
WHO = {Party.US: N_("account manager"), Party.PROVIDER: N_("provider"), Party.PARTNER: N_("partner")}
SELF_OPENING = ("check", "consent")
VOIDED = "step.voided"
CARRIED_OVER = "onboarding.carried_over"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Case(Frozen):
    """What does not change while an onboarding runs: its playbook as pinned at the start, and who works when."""

    onboarding_id: str
    provider_id: str
    provider_name: str = ""
    playbook: Playbook
    calendars: dict[Party, WorkCalendar] = {}

    def step(self, key: str) -> Step:
        step = self.playbook.step(key)
        if step is None:
            raise errors.NotFound(
                "There is no step “{step}” in this onboarding.",
                mend="Use one of: {steps}.",
                step=key,
                steps=", ".join(step.key for step in self.playbook.steps),
            )
        return step


class Progress(Frozen):
    """Where an onboarding stands. ``revision`` grows by one with every change and never goes back."""

    status: OnboardingStatus = OnboardingStatus.IN_PROGRESS
    revision: int = 0
    facts: ChannelFacts = ChannelFacts()
    steps: dict[str, StepRecord] = {}
    reason: str | None = None

    @property
    def waiting_on(self) -> Party | None:
        """The party to look at first: us before the provider before the partner before Racord itself."""
        if self.status is not OnboardingStatus.IN_PROGRESS:
            return None
        open_on = {record.waiting_on for record in self.steps.values() if record.is_open}
        return next((party for party in WAITED_ON_FIRST if party in open_on), None)


class Event(Frozen):
    """One line of the history."""

    type: str
    at: datetime
    step: str | None = None
    actor: Actor = SYSTEM
    on_behalf_of: str | None = None
    data: dict[str, Any] = {}


class Change(Frozen):
    """The next progress and what happened on the way; no events means that nothing changed."""

    progress: Progress
    events: tuple[Event, ...] = ()


class Earlier(Frozen):
    """The onboarding whose connection ended, and why it ended: what it recorded may still be valid (R17)."""

    onboarding_id: str
    progress: Progress
    cause: str


def begin(
    case: Case, facts: ChannelFacts, now: datetime, actor: Actor, earlier: Earlier | None = None
) -> Change:
    """The first progress of an onboarding: every step placed, the facts that hold already counted.

    From an ``earlier`` one whose connection ended, what people attested is carried over (R17); a consent that is
    still in force counts by itself, as any fact does.
    """
    carried = _carried_over(case, earlier) if earlier else {}
    steps = {
        step.key: StepRecord(key=step.key, since=now, result=carried.get(step.key, {}))
        for step in case.playbook.steps
    }
    said = [Event(type="onboarding.started", at=now, actor=actor, data={"partner": case.playbook.slug})]
    if earlier is not None:
        in_force = facts.consent is not None and facts.consent.in_force
        what: dict[str, Any] = {"from": earlier.onboarding_id, "cause": earlier.cause, "steps": [*carried]}
        if in_force and facts.consent is not None:
            what["consent"] = facts.consent.version
        said.append(Event(type=CARRIED_OVER, at=now, actor=actor, data=what))
    return _settle(case, Progress(facts=facts, steps=steps), now, actor, said)


def _carried_over(case: Case, earlier: Earlier) -> dict[str, dict[str, Any]]:
    """Results by step key, each naming where it comes from."""
    found = {}
    for step in case.playbook.steps:
        record = earlier.progress.steps.get(step.key)
        if step.carries_over and record is not None and record.state is StepState.DONE and record.result:
            found[step.key] = {**record.result, "carried_over_from": earlier.onboarding_id}
    return found


def with_facts(case: Case, progress: Progress, facts: ChannelFacts, now: datetime) -> Change:
    """Takes in what the catalogue says now. Whoever reads it reads in turn, so what comes later is newer."""
    if not progress.status.is_open:
        return Change(progress=progress)
    seen = progress.model_copy(update={"facts": facts})
    change = _settle(case, seen, now, SYSTEM, [])
    return change if change.events else Change(progress=seen)


def with_mail(
    case: Case, progress: Progress, order: MailOrder, outcome: MailOutcome, now: datetime
) -> Change:
    """Takes in what became of a message."""
    record = progress.steps[order.step]
    record = record.model_copy(update={"mails": {**record.mails, order.key: outcome}})
    said = Event(
        type=f"mail.{outcome.state}",
        at=now,
        step=order.step,
        data={
            "to": order.to,
            "template": order.template,
            "message_id": outcome.message_id,
            "detail": outcome.detail,
        },
    )
    return _settle(case, _replaced(progress, record), now, SYSTEM, [said])


def orders(case: Case, progress: Progress) -> tuple[MailOrder, ...]:
    """The messages that open steps want out and that have no outcome yet."""
    if progress.status is not OnboardingStatus.IN_PROGRESS:
        return ()
    wanted = (
        order
        for step in case.playbook.steps
        if (record := progress.steps[step.key]).is_open
        for order in step.mails(_view(record, progress))
        if order.key not in record.mails
    )
    return tuple(wanted)


def actions(case: Case, progress: Progress, key: str) -> tuple[Action, ...]:
    """What people can do about a step now; nothing about one that is not open."""
    step, record = case.step(key), progress.steps[key]
    if progress.status is not OnboardingStatus.IN_PROGRESS or not record.is_open:
        return ()
    return step.actions(_view(record, progress))


def answer(case: Case, progress: Progress, command: StepCommand, now: datetime) -> Change:
    """Applies a person's command to a step, or refuses it with the reason; refusing changes nothing."""
    step, record = case.step(command.step), progress.steps[command.step]
    _refuse_unless_running(progress)
    if command.action == Reopen.NAME:
        return _reopened(case, progress, step, command, now)
    _refuse_unless_open(case, progress, record, command)
    action = _find(step.actions(_view(record, progress)), command)
    body = _validated(action, command)
    said = step.answer(
        StepView(record=record, facts=progress.facts, now=now), command.action, body, command.party
    )
    event = Event(
        type=f"step.{command.action}",
        at=now,
        step=step.key,
        actor=command.actor,
        on_behalf_of=_behalf(command),
        data={"attempt": record.attempt, "party": command.party, **command.body},
    )
    if said.renew:
        record = record.renewed()
    elif said.rejected is not None:
        rejection = Rejection(
            reason=said.rejected,
            by=_behalf(command) or command.actor.name,
            party=said.rejected_by or command.party,
            at=now,
            attempt=record.attempt,
        )
        record = record.renewed().model_copy(update={"rejection": rejection})
    record = record.model_copy(
        update={
            "result": record.result if said.result is None else said.result,
            "cleared": record.cleared or said.cleared,
            "reminders": record.reminders + said.remind,
            "reminded_only": record.reminded_only
            | ({str(record.reminders + 1): said.remind_only} if said.remind_only else {}),
        }
    )
    return _settle(case, _replaced(progress, record), now, command.actor, [event])


def steer(case: Case, progress: Progress, command: StatusCommand, now: datetime) -> Change:
    """Holds, resumes or cancels the whole onboarding."""
    status = command.verb.leads_to
    _refuse_closed(progress)
    if progress.status is status:
        raise errors.TooLate(
            "The onboarding is already {status}.",
            mend="Nothing is left to do.",
            status=status.value.replace("_", " "),
        )
    event = Event(
        type=f"onboarding.{command.verb}", at=now, actor=command.actor, data={"reason": command.reason}
    )
    return _settle(
        case,
        progress.model_copy(update={"status": status, "reason": command.reason}),
        now,
        command.actor,
        [event],
    )


def invalidated_by_reopening(case: Case, progress: Progress, key: str) -> tuple[str, ...]:
    """The done steps that a reopening of ``key`` would make stale."""
    case.step(key)
    below = case.playbook.after(key)
    return tuple(
        step.key
        for step in case.playbook.in_order()
        if step.key in below and progress.steps[step.key].state is StepState.DONE
    )


def _reopened(case: Case, progress: Progress, step: Step, command: StepCommand, now: datetime) -> Change:
    record = progress.steps[step.key]
    if step.kind in SELF_OPENING:
        raise errors.Conflict(
            "The step “{step}” follows the catalogue and cannot be reopened by hand.",
            mend="Change the catalogue: the step reopens by itself when its fact stops holding.",
            step=step.key,
        )
    if record.state is not StepState.DONE:
        raise errors.Conflict(
            "The step “{step}” is {state}, not done.",
            mend="Only a step that is done can be reopened.",
            step=step.key,
            state=record.state,
        )
    body = _parsed(Reopen, command)
    event = Event(
        type="step.reopen",
        at=now,
        step=step.key,
        actor=command.actor,
        data={"reason": body.reason, "invalidates": list(invalidated_by_reopening(case, progress, step.key))},
    )
    return _settle(case, _replaced(progress, record.renewed()), now, command.actor, [event])


def _settle(case: Case, progress: Progress, now: datetime, actor: Actor, events: list[Event]) -> Change:
    """Puts every step where its needs, its kind and the facts say it stands. Needs point backwards: one pass is enough."""
    if progress.status is OnboardingStatus.IN_PROGRESS:
        steps = dict(progress.steps)
        below: dict[str, frozenset[str]] = {}
        for step in case.playbook.in_order():
            below[step.key] = frozenset(step.needs).union(*(below[need] for need in step.needs))
            basis = sum(
                steps[one.key].attempt
                for one in case.playbook.steps
                if one.invites and one.key in below[step.key]
            )
            met = all(steps[need].state.is_finished for need in step.needs)
            placed = _placed(case, step, steps[step.key], met, basis, progress.facts, now)
            events.extend(_happened(steps[step.key], placed, now, actor))
            steps[step.key] = placed
        progress = progress.model_copy(update={"steps": steps})
        if all(record.state.is_finished for record in steps.values()):
            progress = progress.model_copy(update={"status": OnboardingStatus.LIVE})
            events.append(Event(type="onboarding.live", at=now, actor=actor))
    return Change(
        progress=progress.model_copy(update={"revision": progress.revision + 1}), events=tuple(events)
    )


def _placed(
    case: Case, step: Step, record: StepRecord, met: bool, basis: int, facts: ChannelFacts, now: datetime
) -> StepRecord:
    if record.state is StepState.SKIPPED:
        return record
    state, party, blocker = StepState.PENDING, None, None
    if met:
        standing = step.standing(StepView(record=record, facts=facts, now=now))
        if standing.renew is not None:
            record = _voided(record, facts, now)
            standing = step.standing(StepView(record=record, facts=facts, now=now))
        elif standing.state is not StepState.DONE and _asked_for_something_older(step, record, basis):
            record = record.renewed()
            standing = step.standing(StepView(record=record, facts=facts, now=now))
        record = record.model_copy(update={"basis": basis})
        state, party, blocker = standing.state, standing.waiting_on, standing.blocker
    if record.was_done and state in (StepState.PENDING, StepState.WAITING):
        state = StepState.STALE
    if (state, party) == (record.state, record.waiting_on):
        return record.model_copy(update={"blocker": blocker})
    days = step.due_working_days
    due = due_at(now, days, case.calendars.get(party, WorkCalendar())) if party and days else None
    return record.model_copy(
        update={
            "state": state,
            "waiting_on": party,
            "blocker": blocker,
            "since": now,
            "due_at": due,
            "was_done": record.was_done or state is StepState.DONE,
            "rejection": None if state is StepState.DONE else record.rejection,
            "voided": None if state is StepState.DONE else record.voided,
        }
    )


def _voided(record: StepRecord, facts: ChannelFacts, now: datetime) -> StepRecord:
    """The next attempt; what was answered in the last one was true of another configuration (R12)."""
    tested = str(record.result.get("digest", ""))
    said = Voided(at=now, attempt=record.attempt, tested=tested, now=facts.digest)
    return record.renewed().model_copy(update={"voided": said})


def _asked_for_something_older(step: Step, record: StepRecord, basis: int) -> bool:
    """Somebody was invited, and then an answer that the step stands on was given anew: they are told, with a new link."""
    invited = any(key.startswith(f"{step.key}:{record.attempt}:") for key in record.mails)
    return step.invites and invited and record.basis not in (0, basis)


def _happened(before: StepRecord, after: StepRecord, now: datetime, actor: Actor) -> Iterable[Event]:
    if after.attempt != before.attempt and before.result and after.rejection == before.rejection:
        data: dict[str, Any] = {"attempt": before.attempt}
        if after.voided is not None:
            data |= {"tested": after.voided.tested, "now": after.voided.now}
        yield Event(type=VOIDED, at=now, step=after.key, data=data)
    if (after.state, after.waiting_on) != (before.state, before.waiting_on):
        data = {"attempt": after.attempt}
        if after.waiting_on:
            data["waiting_on"] = after.waiting_on
        if after.blocker:
            data["blocker"] = after.blocker
        yield Event(type=f"step.{after.state}", at=now, step=after.key, actor=actor, data=data)


def _refuse_closed(progress: Progress) -> None:
    if not progress.status.is_open:
        raise errors.TooLate(
            "The onboarding is {status}.",
            mend="Nothing can be done in it any more; start a new one if it is needed.",
            status=progress.status,
        )


def _refuse_unless_running(progress: Progress) -> None:
    _refuse_closed(progress)
    if progress.status is OnboardingStatus.ON_HOLD:
        raise errors.Conflict("The onboarding is on hold.", mend="Resume it first.", code="on-hold")


def _refuse_unless_open(case: Case, progress: Progress, record: StepRecord, command: StepCommand) -> None:
    if command.attempt is not None and command.attempt != record.attempt:
        raise errors.Gone("This link belongs to an earlier attempt.", mend="Use the newest message you got.")
    if record.state is StepState.DONE:
        raise errors.TooLate(
            "The step “{step}” was already done on {since}.",
            mend="Nothing is left to do; reopen it if it was wrong.",
            code="already-done",
            step=record.key,
            since=f"{record.since:%Y-%m-%d %H:%M} UTC",
        )
    if not record.is_open:
        missing = [need for need in case.step(record.key).needs if not progress.steps[need].state.is_finished]
        raise errors.TooEarly(
            "The step “{step}” cannot be done yet: it needs {missing}.",
            mend="Complete {missing} first.",
            step=record.key,
            missing=", ".join(missing),
        )


def _find(offered: tuple[Action, ...], command: StepCommand) -> Action:
    by_link = command.link_id is not None
    for action in offered:
        mine = action.by_link == by_link and command.party in action.allowed_for
        if action.name == command.action and mine and action.remedy is None:
            return action
    names = sorted({a.name for a in offered if a.by_link == by_link and command.party in a.allowed_for})
    if any(action.name == command.action for action in offered):
        raise errors.Forbidden(
            "Only the {party} can do “{action}” in the step “{step}”.",
            mend="Ask them with “remind”: they get a link of their own."
            if not by_link
            else "Do what the page behind your link offers: {names}.",
            names=", ".join(names),
            party=next(WHO[p] for a in offered if a.name == command.action for p in a.allowed_for),
            action=command.action,
            step=command.step,
        )
    raise errors.Conflict(
        "The step “{step}” does not offer “{action}” now.",
        mend="It offers: {names}." if names else "It is moved by other calls: see its actions.",
        step=command.step,
        action=command.action,
        names=", ".join(names),
    )


def _validated(action: Action, command: StepCommand) -> Any:
    assert action.body is not None
    return _parsed(action.body, command)


def _parsed(model: Any, command: StepCommand) -> Any:
    try:
        return model.model_validate(command.body)
    except ValidationError as error:
        raise explain(error, what=f"{command.action} of step {command.step}") from error


def _behalf(command: StepCommand) -> str | None:
    other = command.body.get("on_behalf_of")
    return str(other["name"]) if isinstance(other, dict) and "name" in other else None


def _view(record: StepRecord, progress: Progress) -> StepView:
    return StepView(record=record, facts=progress.facts, now=record.since or _LONG_AGO)


def _replaced(progress: Progress, record: StepRecord) -> Progress:
    return progress.model_copy(update={"steps": {**progress.steps, record.key: record}})
