"""What nobody knows whether the partner has it: an answer that cannot be read, a try that was cut off (R15, R16)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from adapters.database.connection_tables import ConnectionServiceRow, DeliveryRow
from adapters.database.session import Database
from api import connection_view
from api.ending import ending_said
from api.pages.connection_rows import ServiceRow
from domain.delivery import Held, HeldService
from domain.playbook import Sync, SyncPolicy
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


def holding(line: Line, amount: str) -> Held:
    """What a partner says that names all that it was told; the first service at this price."""
    return Held(
        sequence=2,
        services=tuple(
            HeldService.model_validate(
                {
                    "id": id,
                    "code": f"S{n:05}",
                    "name": f"Service {n}",
                    "duration_minutes": 30,
                    "price": {"amount": "100.00" if n else amount, "currency": "RON"},
                }
            )
            for n, id in enumerate(line.live.service_ids)
        ),
    )


def naming_no_price(line: Line) -> Held:
    services = (one.model_dump(exclude={"price"}) for one in holding(line, "100.00").services)
    return Held(sequence=2, services=tuple(HeldService.model_validate(one) for one in services))


async def tried(line: Line) -> None:
    """What is to be told goes out, and no answer comes."""
    line.answer = DOWN
    planned = await line.plan()
    assert planned.delivery_id is not None
    await line.try_(planned.delivery_id)


async def rejected(line: Line, service_id: str) -> None:
    """The partner is back, and rejects one service of what it is told."""
    line.now += timedelta(hours=1)
    line.answer = rejecting(service_id)
    await line.settle()


async def differs(line: Line, n: int = 0) -> tuple[str, ...]:
    """In what the page says that a service differs."""
    async with line.live.database.transaction() as session:
        key = (line.live.connection_id, line.live.service_ids[n])
        row = await session.get_one(ConnectionServiceRow, key)
        shown = connection_view.service(row, "S", "Service", line.live.playbook.sync)
    return ServiceRow.of(shown, "en").differs


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
    line.holds = holding(line, "200.00")
    await line.compare()
    assert (await line.plan()).delivery_id is None
    assert await line.tasks() == []


async def test_one_that_says_that_it_holds_something_else_has_not_and_is_not_told_without_end(
    line: Line,
) -> None:
    line.answer = UNREAD
    await costs(line, "200.00")
    await line.settle()
    line.holds = holding(line, "100.00")
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
    await costs(line, "200.00")
    await tried(line)
    if between:
        await line.live.change_prices_only({line.live.service_ids[1]: "150.00"})
        await line.plan()
    await costs(line, "100.00")
    await line.plan()
    await rejected(line, line.live.service_ids[0])
    assert await line.tasks() == [REJECTED]
    assert await side(line) == ({}, "Not ours.")
    line.holds = naming_no_price(line)
    await line.compare()
    assert (await line.plan()).delivery_id is None
    assert await line.tasks() == [REJECTED], "it may have 200 still: it says nothing of the price"
    line.holds = holding(line, "200.00")
    await line.compare()
    assert await differs(line) == (
        "Price: theirs 200.00\N{NO-BREAK SPACE}RON, ours 100.00\N{NO-BREAK SPACE}RON.",
    )


async def test_a_rejection_after_a_try_of_the_same_leaves_what_the_partner_had(line: Line) -> None:
    await costs(line, "200.00")
    await tried(line)
    await line.live.change_prices_only({line.live.service_ids[1]: "150.00"})
    await rejected(line, line.live.service_ids[0])
    known, _ = await side(line)
    assert known["price"]["amount"] == "100.00"


async def test_what_was_acknowledged_last_is_shown_through_every_edit_of_an_outage(line: Line) -> None:
    await costs(line, "120.00")
    await tried(line)
    for ours in ("130.00", "140.00"):
        await costs(line, ours)
        await line.plan()
        assert await differs(line) == (
            f"Price: theirs 100.00\N{NO-BREAK SPACE}RON, ours {ours}\N{NO-BREAK SPACE}RON.",
        )


async def test_a_rejection_of_what_never_left_us_before_leaves_what_the_partner_had(line: Line) -> None:
    """The first service was tried; the second was edited twice since, and nothing went out."""
    await costs(line, "120.00")
    await tried(line)
    for ours in ("150.00", "160.00"):
        await line.live.change_prices_only({line.live.service_ids[1]: ours})
        await line.plan()
    await rejected(line, line.live.service_ids[1])
    assert await differs(line, 1) == (
        "Price: theirs 100.00\N{NO-BREAK SPACE}RON, ours 160.00\N{NO-BREAK SPACE}RON.",
    )


async def test_of_several_that_were_tried_the_last_one_rejected_leaves_the_others_in_doubt(
    line: Line,
) -> None:
    for amount in ("200.00", "300.00"):
        await costs(line, amount)
        await tried(line)
        line.now += timedelta(hours=1)
    await rejected(line, line.live.service_ids[0])
    assert await side(line) == ({}, "Not ours.")


async def test_a_comparison_that_leaves_out_what_is_in_doubt_settles_nothing(line: Line) -> None:
    line.answer = UNREAD
    await costs(line, "200.00")
    await line.settle()
    line.holds = naming_no_price(line)
    await line.compare()
    assert (await line.plan()).delivery_id is None
    assert await line.tasks() == [REJECTED]
    assert await differs(line) == ("What the partner has is not known.",)


def test_a_price_that_was_told_by_a_notice_is_shown_beside_what_is_not_known() -> None:
    price = {"amount": "100.00", "currency": "RON"}
    row = ConnectionServiceRow(connection_id="con_1", service_id="srv_1", acknowledged={}, known_price=price)
    row.content = {"duration_minutes": 30, "price": {**price, "amount": "120.00"}}
    by_notice = Sync(price=SyncPolicy.NOTIFY_EACH)
    shown = ServiceRow.of(connection_view.service(row, "ECO", "Eco", by_notice), "en")
    assert shown.differs == (
        "What the partner has is not known.",
        "Price: theirs 100.00\N{NO-BREAK SPACE}RON, ours 120.00\N{NO-BREAK SPACE}RON.",
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (True, "Closed here; the partner took the end, but says that it still holds services: 2"),
        (False, "Closed here; the partner has not confirmed the end of services: 2"),
    ],
)
def test_only_what_the_partner_said_is_told_as_its_word(known: bool, said: str) -> None:
    assert ending_said("en", {"known": known, "held": 2, "since": "2026-03-12T08:00:00Z"}) == said
