"""What happens by itself while a step waits: reminders before, at and after its due date, then escalation (R21). Pure.

Everything comes in working hours of its reader: at the begin of work of a day, or, where it is late, as soon as the
reader is at work. A timeout reminds, escalates or asks; it never approves.
"""

from collections.abc import Iterator
from datetime import datetime

from domain.case import Case
from domain.deadlines import BEGIN_OF_WORK
from domain.model import Party
from domain.steps import Step
from domain.steps.base import OURS, NextThing, Standing, StepRecord, StepView

ACCOUNT_MANAGER, LEAD = OURS


def next_thing(case: Case, step: Step, view: StepView) -> NextThing | None:
    """The first thing that is still to come, or is due and not done yet."""
    return next(iter(planned(case, step, view)), None)


def planned(case: Case, step: Step, view: StepView) -> list[NextThing]:
    """All that is still to come at ``view.now``, in its order; nothing for a step that waits on nobody."""
    record = view.record
    if not record.is_open or record.since is None:
        return []
    things = [thing for thing in _ladder(case, step, view) if _is_left(case, thing, record)]
    moments = (_as_it_will_stand(case, step, view, thing) for thing in step.moments(record))
    things += [thing for thing in moments if thing and _is_to_come(case, thing, record)]
    coming = (_at_work(case, thing, view.now) for thing in things)
    return sorted(coming, key=lambda thing: (thing.at, thing.what, thing.to, thing.rung or 0))


def begun(case: Case, step: Step, view: StepView) -> dict[str, int]:
    """The rungs that are done with when a clock begins: what would have come by the end of this day."""
    done: dict[str, int] = {}
    for thing in _ladder(case, step, view):
        calendar = case.calendar(case.party_of(thing.to))
        if thing.rung is not None and calendar.day_of(thing.at) <= calendar.day_of(view.now):
            done[rung_of(thing)] = max(thing.rung, done.get(rung_of(thing), thing.rung))
    return done


def rung_of(thing: NextThing) -> str:
    return f"{thing.what}:{thing.to}"


def _ladder(case: Case, step: Step, view: StepView) -> Iterator[NextThing]:
    record = view.record
    if record.due_at is None or record.waiting_on in (None, Party.SYSTEM):
        return
    # What cannot be delivered reminds nobody: somebody of ours must look.
    ours = record.waiting_on is Party.US or record.blocker is not None
    reminders = case.playbook.reminders if step.reminders is None else step.reminders
    for role in (ACCOUNT_MANAGER,) if ours else step.asked(view):
        for days in reminders:
            yield _rung(case, "remind", role, record.due_at, days)
    escalation = case.playbook.escalation if step.escalation is None else step.escalation
    for rung in escalation:
        if rung.to == ACCOUNT_MANAGER and ours:
            continue
        if case.party_of(rung.to) is Party.PARTNER and record.waiting_on is not Party.PARTNER:
            continue
        yield _rung(case, "escalate", rung.to, record.due_at, rung.after)


def _rung(case: Case, what: str, role: str, due_at: datetime, days: int) -> NextThing:
    """At the begin of work of ``role``, so many of its working days from the due date."""
    calendar = case.calendar(case.party_of(role))
    day = calendar.plus(calendar.day_of(due_at), days)
    at = calendar.opening(calendar.at(day, BEGIN_OF_WORK))
    return NextThing(at=at, what=what, to=role, rung=days)


def _is_left(case: Case, thing: NextThing, record: StepRecord) -> bool:
    """Not done, not before a meeting for which everybody waits, and no reminder by the day of another one."""
    if thing.rung is None or thing.rung <= record.handled.get(rung_of(thing), thing.rung - 1):
        return False
    if (until := meeting_until(record, record.waiting_on)) and thing.at < until:
        return False
    reminded = record.reminded_at.get(thing.to) if thing.what == "remind" else None
    calendar = case.calendar(case.party_of(thing.to))
    return reminded is None or calendar.day_of(thing.at) > calendar.day_of(reminded)


def _is_to_come(case: Case, moment: NextThing, record: StepRecord) -> bool:
    """Since the waiting began; by newer rules also one that went by before, if its reader was not asked since."""
    assert record.since is not None
    if moment.at > max(record.since, record.handled_until or record.since):
        return True
    invited = record.mails.get(f"{record.key}:{record.attempt}:invitation:{moment.to}")
    asked = (record.reminded_at.get(moment.to), invited.at if invited else None)
    return case.rules >= 2 and all(at is None or at < moment.at for at in asked)


def _as_it_will_stand(case: Case, step: Step, view: StepView, moment: NextThing) -> NextThing | None:
    """The moment, if one of the parties is waited on then and our messages reach it; if we are by then, it is ours."""
    there: StepRecord | Standing = view.record
    if case.rules >= 2:
        there = step.standing(view.model_copy(update={"now": max(moment.at, view.now)}))
    if there.blocker is not None:
        return None
    if case.rules >= 2 and there.waiting_on is Party.US:
        return moment.model_copy(update={"to": ACCOUNT_MANAGER})
    return moment if there.waiting_on in (Party.PROVIDER, Party.PARTNER) else None


def meeting_until(record: StepRecord, party: Party | None) -> datetime | None:
    """The end of the meeting for which that party waits, and is left alone before; what waits on us does not wait."""
    meeting = record.meeting
    if meeting is None or meeting.cancelled is not None or party not in (Party.PROVIDER, Party.PARTNER):
        return None
    return meeting.ends_at


def _at_work(case: Case, thing: NextThing, now: datetime) -> NextThing:
    calendar = case.calendar(case.party_of(thing.to))
    return thing.model_copy(update={"at": calendar.opening(max(thing.at, now))})
