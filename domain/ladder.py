"""What happens by itself while a step waits: reminders before, at and after its due date, then escalation (R21). Pure.

Everything is planned on the calendar of its reader: at the begin of work, never at night, never on a holiday. A timeout
reminds, escalates or asks; it never approves.
"""

from collections.abc import Iterator
from datetime import datetime

from domain.case import Case
from domain.deadlines import BEGIN_OF_WORK
from domain.model import Party
from domain.steps import Step
from domain.steps.base import NextThing, StepRecord, StepView

ACCOUNT_MANAGER, LEAD = "account_manager", "lead"


def next_thing(case: Case, step: Step, view: StepView) -> NextThing | None:
    """The first thing that is still to come, or is due and not done yet."""
    return next(iter(planned(case, step, view)), None)


def planned(case: Case, step: Step, view: StepView) -> list[NextThing]:
    """All that is still to come, in its order; nothing for a step that waits on nobody.

    What would come on the day on which the waiting began is left out, and a reminder on a day with another one.
    """
    record = view.record
    if not record.is_open or record.since is None:
        return []
    done_until = max(record.since, record.handled_until or record.since)
    things = [thing for thing in _ladder(case, step, view) if _is_later(case, thing, record)]
    things += step.moments(record)
    return sorted(
        (thing for thing in things if thing.at > done_until), key=lambda it: (it.at, it.what, it.to)
    )


def _ladder(case: Case, step: Step, view: StepView) -> Iterator[NextThing]:
    record = view.record
    if record.due_at is None or record.waiting_on in (None, Party.SYSTEM):
        return
    # What cannot be delivered reminds nobody: somebody of ours must look.
    ours = record.waiting_on is Party.US or record.blocker is not None
    reminders = case.playbook.reminders if step.reminders is None else step.reminders
    for role in (ACCOUNT_MANAGER,) if ours else step.asked(view):
        for days in reminders:
            yield NextThing(at=_morning(case, role, record.due_at, days), what="remind", to=role)
    escalation = case.playbook.escalation if step.escalation is None else step.escalation
    for rung in escalation:
        if rung.to == ACCOUNT_MANAGER and ours:
            continue
        if case.party_of(rung.to) is Party.PARTNER and record.waiting_on is not Party.PARTNER:
            continue
        yield NextThing(at=_morning(case, rung.to, record.due_at, rung.after), what="escalate", to=rung.to)


def _morning(case: Case, role: str, due_at: datetime, days: int) -> datetime:
    """The begin of work of ``role`` so many of its working days from the due date."""
    calendar = case.calendar(case.party_of(role))
    day = calendar.plus(calendar.day_of(due_at), days)
    return calendar.opening(calendar.at(day, BEGIN_OF_WORK))


def _is_later(case: Case, thing: NextThing, record: StepRecord) -> bool:
    if (meeting := record.meeting) and meeting.cancelled is None and thing.at < meeting.ends_at:
        return False  # everybody waits for the meeting
    calendar = case.calendar(case.party_of(thing.to))
    day = calendar.day_of(thing.at)
    before = [record.since, record.reminded_at.get(thing.to) if thing.what == "remind" else None]
    return all(moment is None or day > calendar.day_of(moment) for moment in before)
