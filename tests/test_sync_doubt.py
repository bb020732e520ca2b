"""What nobody knows whether the partner has it: an answer that cannot be read, a try that was cut off (R15, R16)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from adapters.database.connection_tables import ConnectionServiceRow, DeliveryRow
from adapters.database.session import Database
from api import connection_view
from api.pages.connection_rows import ServiceRow
from domain.delivery import Held, HeldService
from domain.playbook import Sync
from tests.connections import go_live
from tests.scripted_partner import DOWN, TAKEN, Line, rejecting

REJECTED = ("rejected", "us")
UNREAD = TAKEN.model_copy(update={"detail": "its answer could not be read: the answer is not JSON"})


@pytest.fixture
async def line(database: Database) -> Line:
    """Generali, which has taken everything."""
    made = Line(await go_live(database, "generali"))
    await made.settle()
    return made


async def side(line: Line) -> tuple[Any, Any]:
    """What we think that the partner has of the first service, and why it did not take it."""
    async with line.live.database.transaction() as session:
        key = (line.live.connection_id, line.live.service_ids[0])
        row = await session.get_one(ConnectionServiceRow, key)
        return row.acknowledged, row.rejection and row.rejection["detail"]


async def costs(line: Line, amount: str) -> None:
    await line.live.change_prices_only({line.live.service_ids[0]: amount})


def holding(line: Line, **first: Any) -> Held:
    told = ({"id": id, "duration_minutes": 30} for id in line.live.service_ids)
    services = [
        HeldService.model_validate({**one, **(first if n == 0 else {})}) for n, one in enumerate(told)
    ]
    return Held(sequence=2, services=tuple(services))


@pytest.mark.parametrize(
    "answer", [UNREAD, rejecting("svc_other")], ids=["unread", "about services that were not told"]
)
async def test_an_answer_that_cannot_be_read_confirms_nothing_and_is_a_task(line: Line, answer: Any) -> None:
    line.answer = answer
    await costs(line, "200.00")
    assert (await line.settle()).compare, "the partner is asked at once what it holds"
    assert await line.tasks() == [REJECTED]
    known, why = await side(line)
    assert known == {}
    async with line.live.database.transaction() as session:
        newest = select(DeliveryRow).order_by(DeliveryRow.sequence.desc()).limit(1)
        assert (await session.scalars(newest)).one().answer == why
    await line.compare()
    planned = await line.plan()
    assert (planned.delivery_id, planned.compare) == (None, False), "asked once: it does not offer to say"
    assert await line.tasks() == [REJECTED]


@pytest.mark.parametrize("ours", [None, {"duration_minutes": 30}], ids=["not bookable", "bookable"])
def test_what_nobody_knows_is_called_so(ours: dict[str, Any] | None) -> None:
    row = ConnectionServiceRow(connection_id="con_1", service_id="srv_1", content=ours, acknowledged={})
    shown = ServiceRow.of(connection_view.service(row, "ECO", "Eco", Sync()), "en")
    assert shown.differs == ("What the partner has is not known.",)


async def test_one_that_says_that_it_holds_what_was_told_has_taken_it(line: Line) -> None:
    line.answer = UNREAD
    await costs(line, "200.00")
    await line.settle()
    line.holds = holding(line, price={"amount": "200.00", "currency": "RON"})
    await line.compare()
    assert (await line.plan()).delivery_id is None
    assert await line.tasks() == []


async def test_one_that_says_that_it_holds_something_else_has_not_and_is_not_told_without_end(
    line: Line,
) -> None:
    line.answer = UNREAD
    await costs(line, "200.00")
    await line.settle()
    line.holds = holding(line, price={"amount": "100.00", "currency": "RON"})
    await line.compare()
    assert (await line.plan()).delivery_id is None
    assert await line.tasks() == [REJECTED]


async def test_what_was_not_understood_is_told_again_though_it_was_changed_back(line: Line) -> None:
    line.answer = UNREAD
    await costs(line, "200.00")
    await line.settle()
    line.answer = TAKEN
    await costs(line, "100.00")
    before = len(line.sent)
    await line.settle()
    assert len(line.sent) == before + 1
    assert await line.tasks() == []


@pytest.mark.parametrize("between", [False, True], ids=["at once", "behind one that was not tried"])
async def test_a_rejection_of_what_may_have_come_before_is_not_forgotten(line: Line, between: bool) -> None:
    """200 was tried, and may be there; it is 100 again, which the partner then rejects."""
    line.answer = DOWN
    await costs(line, "200.00")
    planned = await line.plan()
    assert planned.delivery_id is not None
    await line.try_(planned.delivery_id)
    if between:
        await line.live.change_prices_only({line.live.service_ids[1]: "150.00"})
        await line.plan()
    await costs(line, "100.00")
    await line.plan()
    line.now += timedelta(hours=1)
    line.answer = rejecting(line.live.service_ids[0])
    await line.settle()
    assert await line.tasks() == [REJECTED]
    assert await side(line) == ({}, "Not ours.")


async def test_a_rejection_after_a_try_of_the_same_leaves_what_the_partner_had(line: Line) -> None:
    line.answer = DOWN
    await costs(line, "200.00")
    planned = await line.plan()
    assert planned.delivery_id is not None
    await line.try_(planned.delivery_id)
    await line.live.change_prices_only({line.live.service_ids[1]: "150.00"})
    line.now += timedelta(hours=1)
    line.answer = rejecting(line.live.service_ids[0])
    await line.settle()
    known, _ = await side(line)
    assert known["price"]["amount"] == "100.00"
