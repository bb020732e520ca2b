"""When an onboarding may be live: a range, from past ones of the same partner (R21). Pure; it promises nothing.

One rule: how far an onboarding has come is the longest run of steps, in the order of the playbook, that are all done.
A past one came as far on the day on which it had done each of these steps for the first time. What counts is how many
working days it then took to go live, days on hold left out; of those, only onboardings that took at least as long as
the present one has taken already. Less than :data:`ENOUGH` of them give no range.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

from domain.deadlines import WorkCalendar
from domain.model import Frozen
from domain.waiting import ENDS, FINISHED, HELD, LIVE, PLACED, RESUMED, Mark, Owner, periods

ENOUGH = 5
EARLY, MIDDLE, LATE = 20, 50, 80  # per cent of the comparable ones were live by then


class Outlook(StrEnum):
    """What can be said. ``too_few`` comparable past ones; ``on_hold``: the clock stands; ``ended``: nothing is ahead."""

    RANGE = "range"
    TOO_FEW = "too_few"
    ON_HOLD = "on_hold"
    ENDED = "ended"


class Story(NamedTuple):
    """An onboarding's history, and the calendar of our side."""

    marks: Sequence[Mark]
    calendar: WorkCalendar


class Forecast(Frozen):
    """``comparable`` counts the past onboardings it is made from; ``reached`` is the step that the present one came to."""

    outlook: Outlook
    comparable: int = 0
    reached: str | None = None
    early: date | None = None
    middle: date | None = None
    late: date | None = None


def forecast(present: Story, order: Sequence[str], past: Iterable[Story], now: datetime) -> Forecast:
    """The day on which the onboarding may be live; ``order`` are its steps as its playbook has them.

    ``past`` are onboardings of the same partner that went live.
    """
    if any(mark.type in ENDS for mark in present.marks):
        return Forecast(outlook=Outlook.ENDED)
    way = _way(present.marks, order)
    reached = way[-1] if way else None
    if _is_held(present.marks):
        return Forecast(outlook=Outlook.ON_HOLD, reached=reached)
    elapsed = _days(present, way, now) or 0
    took = (_days(story, way, _live_at(story)) for story in past)
    left = sorted(days - elapsed for days in took if days is not None and days >= elapsed)
    if len(left) < ENOUGH:
        return Forecast(outlook=Outlook.TOO_FEW, comparable=len(left), reached=reached)
    early, middle, late = (_on(present.calendar, now, _ranked(left, part)) for part in (EARLY, MIDDLE, LATE))
    return Forecast(
        outlook=Outlook.RANGE, comparable=len(left), reached=reached, early=early, middle=middle, late=late
    )


def _way(marks: Iterable[Mark], order: Sequence[str]) -> tuple[str, ...]:
    """The longest run of done steps from the beginning of the playbook, as they stand now."""
    stands = {mark.step: mark.type for mark in marks if mark.type in PLACED}
    return tuple(takewhile(lambda key: stands.get(key) in FINISHED, order))


def _is_held(marks: Iterable[Mark]) -> bool:
    return [mark.type for mark in marks if mark.type in (HELD, RESUMED)][-1:] == [HELD]


def _days(story: Story, way: Sequence[str], until: datetime | None) -> int | None:
    """Working days since the story had done all of ``way`` for the first time, without those on hold.

    None where it never did.
    """
    done: dict[str | None, datetime] = {}
    for mark in story.marks:
        if mark.type in FINISHED:
            done.setdefault(mark.step, mark.at)
    if until is None or not story.marks or not done.keys() >= set(way):
        return None
    since = max((done[key] for key in way), default=story.marks[0].at)
    day = story.calendar.day_of
    held = (
        story.calendar.days_between(day(max(one.begin, since)), day(one.end))
        for one in periods(story.marks, until)
        if one.owner is Owner.HOLD
    )
    return story.calendar.days_between(day(since), day(until)) - sum(held)


def _live_at(story: Story) -> datetime | None:
    return next((mark.at for mark in story.marks if mark.type == LIVE), None)


def _ranked(ordered: Sequence[int], part: int) -> int:
    """The nearest-rank quantile: the smallest of them that ``part`` per cent do not exceed."""
    return ordered[-(-len(ordered) * part // 100) - 1]


def _on(calendar: WorkCalendar, now: datetime, working_days: int) -> date:
    day = calendar.plus(calendar.day_of(now), working_days)
    return day if calendar.is_working_day(day) else calendar.plus(day, 1)
