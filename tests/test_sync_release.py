"""When a partner is back, what its outage held back goes out; what has its own reason to wait keeps its turn (R15–R17)."""

from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import select

from adapters.database.connection_tables import DeliveryRow
from adapters.database.partner_health import PROBES, TRIPS_AT
from adapters.database.session import Database
from domain.connection import DeliveryState
from domain.delivery import BACKOFF
from tests.connections import go_live
from tests.scripted_partner import DOWN, TAKEN, Line

HOUR = timedelta(hours=1)


async def line(database: Database) -> Line:
    """A connection of Generali, which has taken everything."""
    made = Line(await go_live(database, "generali", services=1))
    await made.settle()
    return made


async def changed(line: Line, price: str) -> None:
    await line.live.change_prices_only({line.live.service_ids[0]: price})


async def tried(line: Line) -> bool:
    """Whether its turn had come, and it tried."""
    planned = await line.plan()
    if planned.delivery_id is None:
        return False
    await line.try_(planned.delivery_id)
    return True


async def turn(line: Line) -> datetime | None:
    ask = select(DeliveryRow.next_try_at).where(
        DeliveryRow.connection_id == line.live.connection_id, DeliveryRow.state == DeliveryState.WAITING
    )
    async with line.live.database.transaction() as session:
        return (await session.scalars(ask)).one()


def same_time(*lines: Line) -> None:
    now = max(one.now for one in lines)
    for one in lines:
        one.now = now


async def test_a_delivery_that_fails_on_its_own_keeps_its_pauses_while_others_get_through(
    database: Database,
) -> None:
    healthy, poisoned = await line(database), await line(database)
    poisoned.answer = DOWN
    await changed(poisoned, "120.00")
    times = []
    for round in range(60):
        same_time(healthy, poisoned)
        await changed(healthy, f"{round + 200}.00")
        assert await tried(healthy)
        same_time(healthy, poisoned)
        if await tried(poisoned):
            times.append(poisoned.now)
        poisoned.now += timedelta(seconds=8)
    assert len(times) == 5
    for (before, after), pause in zip(pairwise(times), BACKOFF, strict=False):
        assert after - before >= pause


async def test_deliveries_that_fail_for_ever_keep_nobody_waiting_who_gets_through(database: Database) -> None:
    healthy, *poisoned = [await line(database) for _ in range(TRIPS_AT + 1)]
    for one in poisoned:
        one.answer = DOWN
        await changed(one, "120.00")
        assert await tried(one)
    waits = []
    for price in ("200.00", "300.00"):
        for _ in range(TRIPS_AT * len(BACKOFF)):
            turns = {await turn(one) or one.now: one for one in poisoned}
            healthy.now = min(turns)
            turns[healthy.now].now = healthy.now
            await tried(turns[healthy.now])
        await changed(healthy, price)
        asked_at = healthy.now
        while not await tried(healthy):
            healthy.now = await turn(healthy) or healthy.now
        waits.append(healthy.now - asked_at)
    first, *later = waits
    assert first < 2 * PROBES[-1], "nobody had got through since they began to fail"
    assert all(wait < timedelta(seconds=5) for wait in later)


async def test_whoever_was_asked_to_wait_is_not_tried_before_though_the_partner_is_back(
    database: Database,
) -> None:
    lines = [await line(database) for _ in range(TRIPS_AT + 1)]
    for one in lines:
        one.answer = DOWN
        await changed(one, "120.00")
        same_time(*lines)
        if one is lines[0]:
            one.answer = DOWN.model_copy(update={"retry_after": HOUR})
        if one is not lines[-1]:
            assert await tried(one)
    wished, held_back, back = lines[0], lines[1], lines[-1]
    wish = await turn(wished)
    assert wish is not None
    same_time(*lines)
    back.answer = TAKEN
    assert not await tried(back), "the circuit is open"
    back.now = await turn(back) or back.now
    assert await tried(back)
    same_time(*lines)
    assert (await turn(held_back) or held_back.now) <= back.now
    assert await turn(wished) == wish
    assert await tried(held_back)
    assert not await tried(wished)
    wished.now = wish
    assert await tried(wished)
