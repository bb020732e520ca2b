"""The waiting ledger: whose every working hour of an onboarding was, read from its history alone (R12, R21). Pure.

There is no second bookkeeping: the events that steps and the onboarding leave behind say who was waited on from when.
Hours are counted on one calendar, that of our side, so that the parts sum to the whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import NamedTuple

from domain.case import WAITED_ON_FIRST, Event
from domain.deadlines import WorkCalendar
from domain.model import Frozen, Party, StepState

STARTED, HELD, RESUMED = "onboarding.started", "onboarding.hold", "onboarding.resume"
LIVE = "onboarding.live"
ENDS = frozenset({LIVE, "onboarding.cancel", "onboarding.failed"})
FINISHED = frozenset({f"step.{state}" for state in StepState if state.is_finished} | {"step.skip"})
PLACED = FINISHED | {f"step.{state}" for state in StepState} | {"step.reopen"}
# The types of the events that say whose turn it is; whatever else a history holds does not matter here.
TURNS = frozenset({STARTED, HELD, RESUMED}) | ENDS | PLACED

_MIDNIGHT = time(0)
_HOUR = timedelta(hours=1)


class Owner(StrEnum):
    """Whose an hour is: the party that was waited on, or nobody's while the onboarding was on hold."""

    US = "us"
    PROVIDER = "provider"
    PARTNER = "partner"
    SYSTEM = "system"
    HOLD = "hold"


Sums = Mapping[Owner, timedelta]


class Mark(NamedTuple):
    """What the ledger needs of an event."""

    type: str
    at: datetime
    step: str | None = None
    waiting_on: str | None = None


class Period(Frozen):
    """A stretch of time that is one owner's; aware, and longer than nothing."""

    owner: Owner
    begin: datetime
    end: datetime


def mark(event: Event) -> Mark:
    return Mark(event.type, event.at, event.step, event.data.get("waiting_on"))


def periods(marks: Iterable[Mark], until: datetime) -> tuple[Period, ...]:
    """Whose the time was, without a gap, from the start of the onboarding to its end, or ``until`` where that is earlier.

    Marks come in the order of the history. At each moment the owner is the party to look at first, as the engine says
    it; an onboarding in which nobody is waited on for a moment is Racord's.
    """
    found: list[Period] = []
    owner, since = None, until
    for at, following in _turns(marks):
        if following is not owner:
            _append(found, owner, since, min(at, until))
            owner, since = following, at
    _append(found, owner, since, until)
    return tuple(found)


def _append(found: list[Period], owner: Owner | None, begin: datetime, end: datetime) -> None:
    if owner is None or begin >= end:
        return
    if found and found[-1].owner is owner:  # what came between took no time
        begin = found.pop().begin
    found.append(Period(owner=owner, begin=begin, end=end))


def _turns(marks: Iterable[Mark]) -> Iterator[tuple[datetime, Owner | None]]:
    """After each mark: since when, and whose turn it is then; None when the onboarding is over."""
    open_on: dict[str | None, str] = {}
    is_held, latest = False, None
    for type, at, step, waiting_on in marks:
        latest = at = max(at, latest) if latest else at  # two machines' clocks may differ
        if type in ENDS:
            yield at, None
            return
        if type in (HELD, RESUMED):
            is_held = type == HELD
        elif waiting_on and type in PLACED - FINISHED:
            open_on[step] = waiting_on
        elif type in PLACED:
            open_on.pop(step, None)
        yield at, Owner.HOLD if is_held else _first(open_on.values())


def _first(waited_on: Iterable[str]) -> Owner:
    parties = set(waited_on)
    return Owner(next((party for party in WAITED_ON_FIRST if party in parties), Party.SYSTEM))


def by_month(found: Iterable[Period], calendar: WorkCalendar) -> dict[date, dict[Owner, timedelta]]:
    """Working time of each owner in each month of the calendar's zone; a month is named by its first day."""
    sums: dict[date, dict[Owner, timedelta]] = {}
    for owner, begin, end in ((period.owner, period.begin, period.end) for period in found):
        for month, since, until in _split(begin, end, calendar):
            if worked := calendar.worked(since, until):
                added = sums.setdefault(month, {})
                added[owner] = added.get(owner, timedelta()) + worked
    return sums


def _split(
    begin: datetime, end: datetime, calendar: WorkCalendar
) -> Iterator[tuple[date, datetime, datetime]]:
    while begin < end:
        month = calendar.day_of(begin).replace(day=1)
        until = min(end, calendar.at(next_month(month), _MIDNIGHT))
        yield month, begin, until
        begin = until


def next_month(month: date) -> date:
    """The first day of the month after the one that ``month`` is the first day of."""
    return (month + timedelta(days=31)).replace(day=1)


def total(sums: Iterable[Sums]) -> dict[Owner, timedelta]:
    """What each owner has in all of them."""
    added = dict.fromkeys(Owner, timedelta())
    for one in sums:
        for owner, worked in one.items():
            added[owner] += worked
    return added


def in_hours(sums: Sums) -> dict[Owner, float]:
    """Hours with one decimal, rounded so that the parts still sum to the rounded whole: none is off by a tenth."""
    upto = accumulate((sums.get(owner, timedelta()) for owner in Owner), initial=timedelta())
    tenths = [round(worked / _HOUR * 10) for worked in upto]
    return {owner: (end - begin) / 10 for owner, (begin, end) in zip(Owner, pairwise(tenths), strict=True)}
