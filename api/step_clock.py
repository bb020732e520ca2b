"""How long something waits already, and what happens next by itself."""

from datetime import datetime

from adapters.database.onboardings import Found
from api.schemas.onboardings import NextView
from domain.model import Party
from domain.progress import Case
from domain.steps.base import StepRecord


def age(case: Case, party: Party, since: datetime, now: datetime, *, held_days: int = 0) -> int:
    """Working days of the party that must act since then; those of holds do not count."""
    calendar = case.calendar(party)
    return max(0, calendar.days_between(calendar.day_of(since), calendar.day_of(now)) - held_days)


def age_of(found: Found, record: StepRecord, now: datetime) -> int | None:
    """The same of a step; None where nobody is waited on. A clock that stands shows the time at which it was stopped."""
    if record.waiting_on is None or record.since is None:
        return None
    hold = found.progress.hold
    until = hold.since if hold else now
    return age(found.case, record.waiting_on, record.since, until, held_days=record.held_days)


def next_thing(found: Found, record: StepRecord) -> NextView | None:
    """The next automatic thing of a step; nothing happens while the onboarding is on hold."""
    if record.next is None or found.progress.hold is not None:
        return None
    return NextView(**record.next.model_dump())
