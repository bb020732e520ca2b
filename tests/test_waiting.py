"""The waiting ledger, from histories that the real engine left behind; no I/O."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import progress as engine
from domain.commands import Verb
from domain.errors import RacordError
from domain.model import OnboardingStatus, Party
from domain.waiting import LIVE, Mark, Owner, Period, by_month, in_hours, periods, total
from tests.histories import OURS, Timed, at
from tests.playbooks import EVIDENCE, READY

MONDAY = at("2026-03-02 07:00")  # the opening in Bucharest
NOT_READY = READY.model_copy(update={"version": 10, "priced": 1, "published_without_price": 1})
OTHER = READY.model_copy(update={"version": 11, "digest": "another price"})
ONWARDS = ("activation", "test", "settings", "ready", "mails", "contract")  # from the end: one step or two
MOVES = (
    *["onwards"] * 12, "contract", "mails", "refused mail", "ready", "not ready", "other", "settings", "rejected", "retry", "test", "failed test",
    "activation", "reopen contract", "reopen settings", "remind", *["skip contract"] * 4, "skip settings", "time", "hold", "resume", "cancel",
)  # fmt: skip


def move(timed: Timed, what: str) -> None:
    """Tries one thing that people, mails or the catalogue do; the engine may refuse it."""
    failed = {"scenarios": {"booking": "failed"}, "note": "It never arrived."}
    moves: dict[str, Callable[[], object]] = {
        "contract": lambda: timed.act("contract", body=EVIDENCE),
        "mails": timed.send_all,
        "refused mail": lambda: timed.send_all("refused", "550 no such mailbox"),
        "ready": lambda: timed.facts(READY),
        "not ready": lambda: timed.facts(NOT_READY),
        "other": lambda: timed.facts(OTHER),
        "settings": lambda: timed.by_link("settings"),
        "rejected": lambda: timed.by_link("settings", "reject", {"reason": "The annex is missing."}),
        "retry": lambda: timed.act("settings", "retry"),
        "test": timed._test,
        "failed test": lambda: timed.by_link("joint_test", body=failed, party=Party.PROVIDER),
        "activation": lambda: timed.by_link("activation"),
        "reopen contract": lambda: timed.act("contract", "reopen", {"reason": "It was wrong."}),
        "reopen settings": lambda: timed.act("settings", "reopen", {"reason": "It was wrong."}),
        "remind": lambda: timed.act("settings", "remind"),
        "skip contract": lambda: timed.act("contract", "skip", {"reason": "It is not needed."}),
        "skip settings": lambda: timed.act("settings", "skip", {"reason": "It is not needed."}),
        "time": lambda: timed._take(engine.pass_time(timed.case, timed.progress, timed.now)),
        "hold": lambda: timed.steer(Verb.HOLD),
        "resume": lambda: timed.steer(Verb.RESUME),
        "cancel": lambda: timed.steer(Verb.CANCEL),
    }
    for one in ONWARDS if what == "onwards" else (what,):
        with suppress(RacordError):
            moves[one]()


def expected(timed: Timed) -> Owner | None:
    """Whose the time is from now on, as the engine says it."""
    if timed.progress.status is OnboardingStatus.ON_HOLD:
        return Owner.HOLD
    if not timed.progress.status.is_open:
        return None
    return Owner(timed.progress.waiting_on or Party.SYSTEM)


def owner_at(found: tuple[Period, ...], moment: datetime) -> Owner | None:
    return next((one.owner for one in found if one.begin <= moment < one.end), None)


gaps = st.one_of(st.just(0), st.integers(1, 60 * 24 * 3), st.integers(1, 60 * 24 * 40))


@given(st.lists(st.tuples(gaps, st.sampled_from(MOVES)), max_size=25), gaps)
def test_at_every_moment_the_owner_is_whom_the_engine_waits_on_and_the_parts_sum_to_the_whole(
    moves: list[tuple[int, str]], rest: int
) -> None:
    timed = Timed(MONDAY)
    said = [(timed.now, expected(timed))]
    for minutes, what in moves:
        timed.later(minutes=minutes)
        move(timed, what)
        said.append((timed.now, expected(timed)))
    now = timed.later(minutes=rest).now
    found = periods(timed.marks, now)
    for (since, owner), (until, _) in pairwise([*said, (now, None)]):
        if since < until:
            middle = since + (until - since) / 2
            assert {owner_at(found, since), owner_at(found, middle)} == {owner}, timed.events
    over = next((since for since, owner in said if owner is None), now)
    check(found, MONDAY, over)


def check(found: tuple[Period, ...], begin: datetime, end: datetime) -> None:
    """Contiguous from begin to end; hours nowhere negative, and as many as were worked."""
    edges = [begin, *(one.end for one in found)]
    assert [one.begin for one in found] == edges[:-1]
    assert edges[-1] == end
    assert all(one.begin < one.end for one in found)
    assert all(one.owner is not other.owner for one, other in pairwise(found))
    months = by_month(found, OURS)
    assert all(worked > timedelta() for month in months.values() for worked in month.values())
    sums = total(months.values())
    assert sum(sums.values(), timedelta()) == OURS.worked(begin, end)


@given(st.lists(st.integers(0, 10**9), min_size=5, max_size=5))
def test_hours_are_rounded_so_that_the_parts_still_sum_to_the_whole(seconds: list[int]) -> None:
    sums = {owner: timedelta(seconds=one) for owner, one in zip(Owner, seconds, strict=True)}
    hours = in_hours(sums)
    whole = sum(sums.values(), timedelta()) / timedelta(hours=1)
    assert sum(round(one * 10) for one in hours.values()) == round(whole * 10)
    for owner, worked in sums.items():
        assert abs(hours[owner] - worked / timedelta(hours=1)) < 0.1 + 1e-6
        assert hours[owner] >= 0


def test_a_smooth_onboarding_reads_as_it_went() -> None:
    timed = Timed(MONDAY)
    timed.later(days=1).act("contract", body=EVIDENCE)  # Tuesday 09:00
    timed.later(hours=2).send_all()  # a mail server that was slow
    timed.later(days=2).facts(READY)  # Thursday 11:00
    timed.send_all()
    timed.steer(Verb.HOLD)
    timed.later(days=4).steer(Verb.RESUME)  # Monday 11:00
    timed.later(hours=1).by_link("settings")
    found = periods(timed.marks, timed.later(hours=1).now)
    assert [(one.owner, OURS.worked(one.begin, one.end) / timedelta(hours=1)) for one in found] == [
        ("us", 8),
        ("system", 2),
        ("provider", 16),
        ("hold", 16),
        ("partner", 1),
        ("provider", 1),
    ]


def test_a_month_ends_at_midnight_in_our_zone() -> None:
    """Summer time begins in between: the offset of March is not that of April."""
    night = at("2026-03-31 20:59"), at("2026-03-31 21:01")
    (march,) = by_month([Period(owner=Owner.US, begin=at("2026-03-30 06:00"), end=night[1])], OURS)
    assert march == date(2026, 3, 1)
    long = Period(owner=Owner.PROVIDER, begin=at("2026-03-31 12:00"), end=at("2026-05-04 07:00"))
    months = by_month([long], OURS)
    hours = {f"{month:%m}": sums[Owner.PROVIDER] / timedelta(hours=1) for month, sums in months.items()}
    assert hours == {"03": 2, "04": 20 * 8, "05": 8 + 1}, "22 week days in April, two of them holidays"


@pytest.mark.parametrize("end", [LIVE, "onboarding.cancel", "onboarding.failed"])
def test_nothing_counts_after_the_end(end: str) -> None:
    over = at("2026-03-05 07:00")
    marks = (
        Mark("onboarding.started", MONDAY),
        Mark("step.waiting", MONDAY, "contract", "us"),
        Mark(end, over),
        Mark("onboarding.resume", over + timedelta(days=1)),
    )
    check(periods(marks, over + timedelta(days=30)), MONDAY, over)


def test_marks_of_two_clocks_that_differ_leave_no_gap_and_nothing_negative() -> None:
    marks = (
        Mark("onboarding.started", MONDAY),
        Mark("step.waiting", MONDAY + timedelta(hours=2), "contract", "us"),
        Mark("step.done", MONDAY + timedelta(hours=1), "contract"),
        Mark("step.waiting", MONDAY + timedelta(hours=1), "channel", "provider"),
    )
    check(periods(marks, MONDAY + timedelta(hours=9)), MONDAY, MONDAY + timedelta(hours=9))
    assert periods(marks, MONDAY) == ()


def test_a_step_that_is_skipped_waits_on_nobody_any_more() -> None:
    marks = (
        Mark("onboarding.started", MONDAY),
        Mark("step.waiting", MONDAY, "contract", "us"),
        Mark("step.waiting", MONDAY, "prices", "provider"),
        Mark("step.skip", MONDAY + timedelta(hours=1), "contract"),
    )
    assert [one.owner for one in periods(marks, MONDAY + timedelta(hours=2))] == [Owner.US, Owner.PROVIDER]
