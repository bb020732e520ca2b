"""Another due date, as agreed with the party that must act, with the reason (R21). Pure."""

from datetime import datetime
from typing import Any

from domain import errors
from domain.case import Case, Change, Event, Progress
from domain.commands import SetDue, StepCommand
from domain.deadlines import due_on
from domain.ladder import begun
from domain.refusing import LONGEST
from domain.settling import replaced, settle
from domain.steps.base import StepRecord, StepView


def due_set(
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
    if case.rules >= 2 and due <= now:
        raise errors.Invalid(
            "Work there is over on {date}.",
            mend="Take {after}.",
            date=body.due_on,
            after=calendar.plus(body.due_on, 1),
        )
    data: dict[str, Any] = {"reason": body.reason, "due_at": due.isoformat()}
    if record.due_at is not None:
        data["was"] = record.due_at.isoformat()
    said = Event(type="step.due", at=now, step=record.key, actor=command.actor, data=data)
    moved = record.model_copy(update={"due_at": due, "own_due_at": due})
    if case.rules >= 2 and record.waiting_on is not None:
        moved = moved.model_copy(update={"agreed": record.agreed | {record.waiting_on: due}})
    seen = StepView(record=moved, facts=progress.facts, now=now, rules=case.rules)
    rungs = begun(case, case.step(record.key), seen)
    moved = moved.model_copy(update={"handled": rungs})
    return settle(case, replaced(progress, moved), now, command.actor, [said])
