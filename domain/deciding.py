"""What people decide: a command is applied to an onboarding, or refused with the reason and the mend. Pure.

Refusing changes nothing.
"""

from datetime import date, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from domain import errors
from domain.case import Case, Change, Event, Hold, Progress
from domain.clock import after_hold, reminded
from domain.commands import Reopen, SetDue, Skip, StatusCommand, StepCommand, Verb
from domain.deadlines import due_on
from domain.errors import N_
from domain.ladder import begun
from domain.model import OnboardingStatus, Party, StepState
from domain.settling import not_before_meeting, replaced, settle, view
from domain.steps import Step
from domain.steps.base import Action, Rejection, StepRecord, StepView
from domain.validation import explain

WHO = {Party.US: N_("account manager"), Party.PROVIDER: N_("provider"), Party.PARTNER: N_("partner")}
SELF_OPENING = ("check", "consent")
LONGEST = timedelta(days=366)


def actions(case: Case, progress: Progress, key: str) -> tuple[Action, ...]:
    """What people can do about a step now; nothing about one that is not open."""
    step, record = case.step(key), progress.steps[key]
    if not progress.status.is_open:
        return ()
    if progress.status is OnboardingStatus.ON_HOLD or not record.is_open:
        return step.lasting_actions(view(record, progress))
    return (*step.actions(view(record, progress)), *_steering(step, record))


def _steering(step: Step, record: StepRecord) -> tuple[Action, ...]:
    """What may be done about any step that waits on somebody."""
    if record.waiting_on is Party.SYSTEM:
        return ()
    due = Action(name=SetDue.NAME, body=SetDue, allowed_for=(Party.US,))
    skip = Action(name=Skip.NAME, body=Skip, allowed_for=(Party.US,))
    return (due, skip) if step.skippable else (due,)


def answer(case: Case, progress: Progress, command: StepCommand, now: datetime) -> Change:
    """Applies a person's command to a step, or refuses it with the reason; refusing changes nothing."""
    step, record = case.step(command.step), progress.steps[command.step]
    lasting = step.lasting_actions(view(record, progress)) if progress.status.is_open else ()
    if command.action not in {action.name for action in lasting}:
        _refuse_unless_running(progress)
        if command.action == Reopen.NAME:
            return _reopened(case, progress, step, command, now)
        _refuse_unless_open(case, progress, record, command)
    action = _find(actions(case, progress, step.key), command)
    body = _validated(action, command)
    if isinstance(body, SetDue):
        return _due_set(case, progress, record, command, body, now)
    if isinstance(body, Skip):
        return _skipped(case, progress, record, command, body, now)
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
            "meeting": said.meeting or record.meeting,
        }
    )
    if said.meeting:
        own = record.own_due_at or record.due_at
        due = not_before_meeting(case, record, record.waiting_on, own)
        record = record.model_copy(update={"due_at": due})
    if said.remind and said.remind_only in record.calls:
        record = record.model_copy(update={"calls": (*record.calls, said.remind_only)})
    elif said.remind:
        asked = step.asked(view(record, progress))
        record = reminded(record, said.remind_only, asked, now)
    return settle(case, replaced(progress, record), now, command.actor, [event])


def steer(case: Case, progress: Progress, command: StatusCommand, now: datetime) -> Change:
    """Holds, resumes or cancels the whole onboarding. While it is held all clocks stand; afterwards they are shifted."""
    status = command.verb.leads_to
    _refuse_closed(progress)
    is_longer = command.verb is Verb.HOLD and command.until is not None and not command.only_begins
    if progress.status is status and not is_longer:
        raise errors.TooLate(
            "The onboarding is already {status}.",
            mend="Nothing is left to do.",
            status=status.value.replace("_", " "),
        )
    if command.until is not None:
        _refuse_odd_end(case, command.until, now)
    data: dict[str, Any] = {"reason": command.reason}
    if command.verb is Verb.HOLD:
        since = progress.hold.since if progress.hold else now
        hold = Hold(since=since, until=command.until)
        data |= {"until": str(command.until)} if command.until else {}
        progress = progress.model_copy(update={"hold": hold})
    elif progress.hold is not None:
        data |= {"held_since": progress.hold.since.isoformat()}
        progress = after_hold(case, progress, now)
    event = Event(type=f"onboarding.{command.verb}", at=now, actor=command.actor, data=data)
    moved = progress.model_copy(update={"status": status, "reason": command.reason})
    return settle(case, moved, now, command.actor, [event])


def _refuse_odd_end(case: Case, until: date, now: datetime) -> None:
    today = case.calendar(Party.US).day_of(now)
    if not today < until <= today + LONGEST:
        raise errors.Invalid(
            "The hold cannot end on {until}.",
            mend="Give a day after today and within a year, or none.",
            until=until,
        )


def _due_set(
    case: Case, progress: Progress, record: StepRecord, command: StepCommand, body: SetDue, now: datetime
) -> Change:
    calendar = case.calendar(record.waiting_on)
    if body.due_on < calendar.day_of(now):
        raise errors.Invalid(
            "The due date {date} lies in the past.", mend="Give today or a later day.", date=body.due_on
        )
    if body.due_on > calendar.day_of(now) + LONGEST:
        raise errors.Invalid(
            "The due date {date} is more than a year away.",
            mend="Give a day within a year.",
            date=body.due_on,
        )
    if not calendar.is_working_day(body.due_on):
        raise errors.Invalid(
            "Nobody works there on {date}: it is a week-end or a holiday.",
            mend="Take {before} or {after}.",
            date=body.due_on,
            before=calendar.plus(body.due_on, -1),
            after=calendar.plus(body.due_on, 1),
        )
    due = due_on(body.due_on, calendar)
    data: dict[str, Any] = {"reason": body.reason, "due_at": due.isoformat()}
    if record.due_at is not None:
        data["was"] = record.due_at.isoformat()
    said = Event(type="step.due", at=now, step=record.key, actor=command.actor, data=data)
    moved = record.model_copy(update={"due_at": due, "own_due_at": due})
    rungs = begun(case, case.step(record.key), StepView(record=moved, facts=progress.facts, now=now))
    moved = moved.model_copy(update={"handled": rungs})
    return settle(case, replaced(progress, moved), now, command.actor, [said])


def _skipped(
    case: Case, progress: Progress, record: StepRecord, command: StepCommand, body: Skip, now: datetime
) -> Change:
    data = {"attempt": record.attempt, "reason": body.reason}
    said = Event(type="step.skip", at=now, step=record.key, actor=command.actor, data=data)
    skipped = record.model_copy(update={"state": StepState.SKIPPED, "waiting_on": None, "since": now})
    return settle(case, replaced(progress, skipped), now, command.actor, [said])


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
    if not record.state.is_finished:
        raise errors.Conflict(
            "The step “{step}” is {state}, not done.",
            mend="Only a step that is done or skipped can be reopened.",
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
    again = record.renewed()
    if record.state is StepState.SKIPPED:
        again = again.model_copy(update={"state": StepState.PENDING})
    return settle(case, replaced(progress, again), now, command.actor, [event])


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
    if record.state is StepState.SKIPPED:
        raise errors.TooLate(
            "The step “{step}” was skipped.", mend="Reopen it if it is needed after all.", step=record.key
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
