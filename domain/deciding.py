"""What people decide: a command is applied to an onboarding, or refused with the reason and the mend. Pure.

Refusing changes nothing.
"""

from datetime import datetime
from typing import Any

from domain import errors
from domain.case import Case, Change, Event, Hold, Progress
from domain.clock import after_hold, reminded
from domain.commands import Reopen, SetDue, Skip, StatusCommand, StepCommand, Verb
from domain.model import OnboardingStatus, Party, StepState
from domain.refusing import (
    find,
    parsed,
    refuse_closed,
    refuse_odd_end,
    refuse_unless_open,
    refuse_unless_running,
)
from domain.reopening import reopened
from domain.setting_due import due_set
from domain.settling import not_before_meeting, replaced, settle, view
from domain.steps import Step
from domain.steps.base import Action, Answer, Rejection, StepRecord, StepView


def actions(case: Case, progress: Progress, key: str) -> tuple[Action, ...]:
    """What people can do about a step now; nothing about one that is not open."""
    step, record = case.step(key), progress.steps[key]
    if not progress.status.is_open:
        return ()
    if progress.status is OnboardingStatus.ON_HOLD or not record.is_open:
        return step.lasting_actions(view(case, record, progress))
    return (*step.actions(view(case, record, progress)), *_steering(step, record))


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
    lasting = step.lasting_actions(view(case, record, progress)) if progress.status.is_open else ()
    if command.action not in {action.name for action in lasting}:
        refuse_unless_running(progress)
        if command.action == Reopen.NAME:
            return reopened(case, progress, step, command, now)
        refuse_unless_open(case, progress, record, command)
    action = find(actions(case, progress, step.key), command)
    body = _validated(action, command)
    if isinstance(body, SetDue):
        return due_set(case, progress, record, command, body, now)
    if isinstance(body, Skip):
        return _skipped(case, progress, record, command, body, now)
    said = step.answer(
        StepView(record=record, facts=progress.facts, now=now, rules=case.rules),
        command.action,
        body,
        command.party,
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
    if said.remind and said.remind_only in record.calls and not _asks(case, step, record, progress, said):
        record = record.model_copy(update={"calls": (*record.calls, said.remind_only)})
    elif said.remind:
        seen = StepView(record=record, facts=progress.facts, now=now, rules=case.rules)
        record = reminded(step, seen, said.remind_only)
    return settle(case, replaced(progress, record), now, command.actor, [event])


def _asks(case: Case, step: Step, record: StepRecord, progress: Progress, said: Answer) -> bool:
    """Whether who is to be reminded is asked itself, and not only told that it waits too long."""
    return case.rules >= 2 and said.remind_only in step.asked(view(case, record, progress))


def steer(case: Case, progress: Progress, command: StatusCommand, now: datetime) -> Change:
    """Holds, resumes or cancels the whole onboarding. While it is held all clocks stand; afterwards they are shifted."""
    status = command.verb.leads_to
    refuse_closed(progress)
    is_longer = command.verb is Verb.HOLD and command.until is not None and not command.only_begins
    if progress.status is status and not is_longer:
        raise errors.TooLate(
            "The onboarding is already {status}.",
            mend="Nothing is left to do.",
            status=status.value.replace("_", " "),
        )
    if command.until is not None:
        refuse_odd_end(case, command.until, now)
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


def _skipped(
    case: Case, progress: Progress, record: StepRecord, command: StepCommand, body: Skip, now: datetime
) -> Change:
    data = {"attempt": record.attempt, "reason": body.reason}
    said = Event(type="step.skip", at=now, step=record.key, actor=command.actor, data=data)
    skipped = record.model_copy(update={"state": StepState.SKIPPED, "waiting_on": None, "since": now})
    return settle(case, replaced(progress, skipped), now, command.actor, [said])


def _validated(action: Action, command: StepCommand) -> Any:
    assert action.body is not None
    return parsed(action.body, command)


def _behalf(command: StepCommand) -> str | None:
    other = command.body.get("on_behalf_of")
    return str(other["name"]) if isinstance(other, dict) and "name" in other else None
