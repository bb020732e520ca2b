"""120 days of an onboarding that nobody looks after, in skipped time: what is sent reads as a person would have planned it.

The years are far away, so that the days are the same whenever this runs; clocks and holidays are Romania's.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from temporalio.testing import TimeSkipper

from adapters.database import records
from adapters.database.facts import read_facts
from adapters.holidays import work_calendar
from adapters.identifiers import new_id
from adapters.temporal import Temporal
from domain import progress as engine
from domain.model import SYSTEM, Party
from domain.progress import Case
from embedded.temporal import TemporalServer
from tests.connections import CLINIC, all_set, packaged
from tests.stack import Stack
from tests.sync_clock import skipping_client
from worker import make_worker

BUCHAREST = ZoneInfo("Europe/Bucharest")
A_MOMENT = timedelta(minutes=1)
CONTRACT = {"evidence": {"document": "Contract 118", "date": "2026-03-02"}}


@pytest.fixture(scope="module")
def temporal_server() -> Iterator[TemporalServer]:
    with TemporalServer(time_skipping=True) as server:
        yield server


@pytest.fixture(scope="module")
async def temporal(temporal_server: TemporalServer) -> Temporal:
    return await skipping_client(temporal_server)


@pytest.fixture
async def stack(idle_stack: Stack) -> AsyncIterator[Stack]:
    """The worker works; no relay, which lives by the day of today."""
    async with make_worker(idle_stack.settings, idle_stack.database, idle_stack.temporal):
        yield idle_stack


class Neglected:
    """An onboarding at Generali whose time is skipped."""

    def __init__(self, stack: Stack, onboarding_id: str) -> None:
        self.stack, self.id = stack, onboarding_id
        self._skipper = TimeSkipper(stack.temporal.client)
        self._handle = stack.temporal.client.get_workflow_handle(f"onboarding:{onboarding_id}")

    async def now(self) -> datetime:
        return await self._skipper.get_current_time(self._handle)

    async def passes(self, until: datetime) -> None:
        await self._skipper.fast_forward(self._handle, until - await self.now())

    async def does(self, path: str, **body: Any) -> None:
        await self.stack.call("POST", f"/onboardings/{self.id}/{path}", json=body)

    async def sent(self) -> list[str]:
        """Every message that went out: when on the wall clock there, as what, to whom."""
        events = await self.stack.call("GET", f"/onboardings/{self.id}/events", params={"limit": 200})
        return [
            f"{datetime.fromisoformat(one['at']).astimezone(BUCHAREST):%a %d %b %H:%M} "
            f"{one['data']['template']} → {one['data']['to']}"
            for one in reversed(events["items"])
            if one["type"] == "mail.sent"
        ]


async def started(stack: Stack, begin: datetime) -> Neglected:
    """Waits on Generali's technical settings since ``begin``: contract, intent, catalogue, consent and notice are done."""
    book = packaged("generali")
    provider_id = await all_set(stack.database, book)
    days = work_calendar("RO", "Europe/Bucharest", begin.year, 2)
    case = Case(
        onboarding_id=new_id("onb"),
        provider_id=provider_id,
        playbook=book,
        calendars={party: days for party in Party},
    )
    async with stack.database.transaction() as session:
        in_force = (book.declaration.document, book.declaration.version)
        facts = await read_facts(session, provider_id, book.slug, in_force, begin)
        await records.open_onboarding(session, case, engine.begin(case, facts, begin, SYSTEM))
        start = await records.load_start(session, case.onboarding_id)
    assert start is not None
    await stack.temporal.start(start)
    onboarding = Neglected(stack, case.onboarding_id)
    await onboarding.passes(begin)
    await onboarding.does("steps/contract/complete", **CONTRACT)
    await stack.step(onboarding.id, "settings", "waiting")
    return onboarding


@pytest.mark.timeout(120)
async def test_from_lent_over_orthodox_easter_and_the_begin_of_summer_time(stack: Stack) -> None:
    begin = datetime(2036, 3, 24, 10, tzinfo=BUCHAREST)
    onboarding = await started(stack, begin)
    await onboarding.passes(begin + timedelta(days=120))
    assert await onboarding.sent() == []


@pytest.mark.timeout(120)
async def test_from_autumn_over_the_end_of_summer_time_and_the_first_of_december(stack: Stack) -> None:
    begin = datetime(2036, 10, 13, 16, 30, tzinfo=BUCHAREST)
    onboarding = await started(stack, begin)
    await onboarding.passes(begin + timedelta(days=120))
    assert await onboarding.sent() == []
