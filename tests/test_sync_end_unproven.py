"""The partner took the end, and then holds on, or does not say what it holds: asked in peace, and told to people (R17)."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from adapters.database.connection_tables import ConnectionEventRow, ConnectionRow
from adapters.database.session import Database
from adapters.database.tables import Outbox
from domain.connection import ConnectionEvent
from domain.delivery import Held, HeldService
from domain.messages import Compared
from tests.connections import go_live
from tests.scripted_partner import TAKEN, Line, rejecting

HOUR = timedelta(hours=1)


@pytest.fixture
async def line(database: Database) -> Line:
    """Generali, which has taken everything."""
    made = Line(await go_live(database, "generali"))
    await made.settle()
    return made


async def taken(line: Line) -> None:
    """It ended, and the partner's system took that."""
    await line.disable()
    planned = await line.plan_end()
    assert planned.delivery_id is not None
    assert (await line.try_(planned.delivery_id)).taken
    assert (await line.plan_end()).compare


def all_of(line: Line) -> Held:
    price = {"amount": "100.00", "currency": "RON"}
    told = {"code": "S", "name": "N", "duration_minutes": 30, "price": price}
    return Held(
        services=tuple(HeldService.model_validate({"id": id, **told}) for id in line.live.service_ids)
    )


async def nudges(line: Line) -> int:
    async with line.live.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(Outbox)) or 0


async def events(line: Line, *wanted: ConnectionEvent) -> list[tuple[str, str]]:
    """Type and what was said, of these types, oldest first."""
    row = ConnectionEventRow
    ask = select(row).where(row.connection_id == line.live.connection_id, row.type.in_(wanted))
    async with line.live.database.transaction() as session:
        found = (await session.scalars(ask.order_by(row.id))).all()
    return [(one.type, one.data.get("detail", "")) for one in found]


async def test_one_that_takes_the_end_and_holds_on_is_told_again_ever_later_whoever_nudges(
    line: Line,
) -> None:
    await taken(line)
    line.holds = all_of(line)
    before = await nudges(line)
    assert (await line.compare()).held == 2
    assert await nudges(line) == before, "it would wake itself, and ask without a pause"
    pauses = []
    for _ in range(8):
        asked = line.now
        planned = await line.plan_end()
        assert (planned.delivery_id, planned.compare) == (None, False), "any nudge, and nothing goes out"
        assert planned.wake_at is not None
        pauses.append(planned.wake_at - asked)
        line.now = planned.wake_at
        again = await line.plan_end()
        assert again.delivery_id is not None
        await line.try_(again.delivery_id)
        assert (await line.plan_end()).compare
        await line.compare()
    assert pauses == sorted(pauses)
    assert pauses[-1] == 3 * HOUR
    assert await events(line, ConnectionEvent.DRIFT_FOUND) == [("drift.found", "")]


@pytest.mark.parametrize("answer", ["rejected", "unread", "others"])
async def test_an_end_that_is_rejected_proves_nothing_and_comes_again_ever_later(
    line: Line, answer: str
) -> None:
    """The partner's system does not offer to say what it holds."""
    of_each = {
        "rejected": rejecting(*line.live.service_ids),
        "unread": TAKEN.model_copy(update={"detail": "its answer could not be read: it answered 207"}),
        "others": rejecting("svc_other"),
    }
    line.answer = of_each[answer]
    await taken(line)
    pauses = []
    for _ in range(4):
        assert await line.compare() == Compared(known=False, held=2)
        asked = line.now
        wake_at = (await line.plan_end()).wake_at
        assert wake_at is not None
        pauses.append(wake_at - asked)
        line.now = wake_at
        again = await line.plan_end()
        assert again.delivery_id is not None
        await line.try_(again.delivery_id)
        assert (await line.plan_end()).compare
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]
    line.now += timedelta(minutes=16)
    assert ("ending", "partner") in await line.tasks()
    line.answer = TAKEN
    await line.compare()
    line.now += timedelta(hours=4)
    last = await line.plan_end()
    assert last.delivery_id is not None
    await line.try_(last.delivery_id)
    assert (await line.plan_end()).compare
    assert await line.compare() == Compared(known=False)


async def test_one_that_rejects_the_end_and_says_that_it_holds_nothing_is_believed(line: Line) -> None:
    line.answer = rejecting(*line.live.service_ids)
    await taken(line)
    line.holds = Held()
    assert await line.compare() == Compared(known=True)


async def test_a_live_connection_that_is_mended_needs_no_nudge_either(line: Line) -> None:
    line.holds = Held()
    before = await nudges(line)
    await line.compare()
    assert await nudges(line) == before
    assert (await line.plan()).delivery_id is not None, "the round that follows makes it good"


async def test_the_answer_to_a_question_of_before_the_end_says_nothing_about_it(line: Line) -> None:
    line.trouble = "it answered 401"
    await line.compare()
    await line.disable()
    async with line.live.database.transaction() as session:
        assert (await session.get_one(ConnectionRow, line.live.connection_id)).comparison is None


async def test_a_live_connection_tells_each_other_answer_once(line: Line) -> None:
    for trouble in ("it answered 401", "it answered 401", "it answered 403", "", ""):
        line.trouble = trouble
        await line.compare()
    assert await events(line, ConnectionEvent.COMPARISON_FAILED, ConnectionEvent.COMPARISON_WORKS) == [
        ("comparison.failed", "it answered 401"),
        ("comparison.failed", "it answered 403"),
        ("comparison.works", ""),
    ]
