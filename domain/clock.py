"""What time does to an onboarding: reminders, escalation, the end of a planned hold, and clocks that stood. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from domain.case import Case, Change, Event, Progress
from domain.deadlines import BEGIN_OF_WORK, shifted
from domain.ladder import ACCOUNT_MANAGER, planned, rung_of
from domain.model import SYSTEM, OnboardingStatus, Party
from domain.settling import settle
from domain.steps import Step
from domain.steps.base import NextThing, StepRecord, StepView

HOLD_OVER = "onboarding.hold_over"


def next_moment(case: Case, progress: Progress, now: datetime) -> datetime | None:
    """When time will do something next, if nobody does anything before."""
    if progress.status is OnboardingStatus.ON_HOLD:
        return _end_of_hold(case, progress, now)
    if progress.status is not OnboardingStatus.IN_PROGRESS:
        return None
    return min(
        (record.next.at for record in progress.steps.values() if record.next is not None), default=None
    )


def pass_time(case: Case, progress: Progress, now: datetime) -> Change:
    """Does what is due. What several rungs would do after a long stop is done once."""
    if progress.status is OnboardingStatus.ON_HOLD:
        return _ask_whether_to_go_on(case, progress, now)
    if progress.status is not OnboardingStatus.IN_PROGRESS:
        return Change(progress=progress)
    steps, said, is_due = dict(progress.steps), list[Event](), False
    for step in case.playbook.in_order():
        record = steps[step.key]
        seen = StepView(record=record, facts=progress.facts, now=now, rules=case.rules)
        coming = planned(case, step, seen)
        due = [thing for thing in coming if thing.at <= now]
        for what, to in dict.fromkeys((thing.what, thing.to) for thing in due):
            there = seen.model_copy(update={"record": record})
            if what == "remind" and step.is_on_its_way(there, to):
                # What asks them already is their reminder: nothing is held back to go out after it.
                record = record.model_copy(update={"reminded_at": record.reminded_at | {to: now}})
                continue
            record = _done(step, there, what, to)
            said.append(_told(record, what, to, now))
        # What was missed may have to wait until its reader is at work; what is done is planned anew by settling.
        later = next(iter(coming), None)
        steps[step.key] = record.model_copy(update={**_handled(record, due, now), "next": later})
        is_due = is_due or bool(due)
    progress = progress.model_copy(update={"steps": steps})
    if not is_due:
        return Change(progress=progress)
    return settle(case, progress, now, SYSTEM, said)


def _handled(record: StepRecord, due: list[NextThing], now: datetime) -> dict[str, Any]:
    rungs = dict(record.handled)
    for thing in due:
        if thing.rung is not None:
            rungs[rung_of(thing)] = max(thing.rung, rungs.get(rung_of(thing), thing.rung))
    moments = any(thing.rung is None for thing in due)
    return {"handled": rungs, "handled_until": now if moments else record.handled_until}


def _done(step: Step, view: StepView, what: str, to: str) -> StepRecord:
    record = view.record
    if what == "escalate" or to == ACCOUNT_MANAGER:
        said = {"calls": (*record.calls, to), "reminded_at": record.reminded_at | {to: view.now}}
        return record.model_copy(update=said)
    return reminded(step, view, to)


def reminded(step: Step, view: StepView, only: str | None) -> StepRecord:
    """One more reminder to all who are asked, or to the one role ``only``; to nobody of what is on its way to them."""
    asked = (only,) if only else step.asked(view)
    free = [role for role in asked if not step.is_on_its_way(view, role)]
    if only is None and len(free) == len(asked):
        return _reminded(view.record, None, asked, view.now)
    record = view.record
    for role in free:
        record = _reminded(record, role, (role,), view.now)
    return record


def _reminded(record: StepRecord, only: str | None, roles: Iterable[str], now: datetime) -> StepRecord:
    number = record.reminders + 1
    one = {str(number): only} if only else {}
    return record.model_copy(
        update={
            "reminders": number,
            "reminded_only": record.reminded_only | one,
            "reminded_at": record.reminded_at | dict.fromkeys(roles, now),
        }
    )


def _told(record: StepRecord, what: str, to: str, now: datetime) -> Event:
    data = {"attempt": record.attempt, "to": to, "waiting_on": record.waiting_on}
    if record.due_at is not None:
        data["due_at"] = record.due_at.isoformat()
    return Event(type=f"step.{what}", at=now, step=record.key, data=data)


def _end_of_hold(case: Case, progress: Progress, now: datetime) -> datetime | None:
    hold = progress.hold
    if hold is None or hold.until is None or hold.is_over:
        return None
    calendar = case.calendar(Party.US)
    return calendar.opening(max(calendar.at(hold.until, BEGIN_OF_WORK), now))


def _ask_whether_to_go_on(case: Case, progress: Progress, now: datetime) -> Change:
    ends = _end_of_hold(case, progress, now)
    if ends is None or ends > now or progress.hold is None:
        return Change(progress=progress)
    hold = progress.hold.model_copy(update={"is_over": True})
    said = Event(type=HOLD_OVER, at=now, data={"until": str(hold.until)})
    return settle(case, progress.model_copy(update={"hold": hold}), now, SYSTEM, [said])


def after_hold(case: Case, progress: Progress, now: datetime) -> Progress:
    """The clocks go on: what was due is due later by the working days of the hold, for each party on its own calendar."""
    hold = progress.hold
    if hold is None:
        return progress
    steps = {key: _later(case, record, hold.since, now) for key, record in progress.steps.items()}
    return progress.model_copy(update={"steps": steps, "hold": None})


def _later(case: Case, record: StepRecord, begin: datetime, end: datetime) -> StepRecord:
    agreed = {
        party: shifted(due_at, begin, end, case.calendar(party)) for party, due_at in record.agreed.items()
    }
    record = record.model_copy(update={"agreed": agreed})
    if not record.is_open:
        return record
    calendar = case.calendar(record.waiting_on)
    days = calendar.days_between(calendar.day_of(begin), calendar.day_of(end))
    moved = {
        name: shifted(moment, begin, end, calendar)
        for name in ("due_at", "own_due_at")
        if (moment := getattr(record, name)) is not None
    }
    return record.model_copy(update={**moved, "held_days": record.held_days + days})
