"""What a partner refuses, forgets, or tells otherwise than we thought; and what is not told without consent (R9, R14–R17)."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from adapters.database import catalogue_channels, connections
from adapters.database.connection_tables import (
    ConnectionEventRow,
    ConnectionRow,
    ConnectionServiceRow,
    DeliveryRow,
    NoticeRow,
)
from adapters.database.session import Database
from adapters.database.tables import Consent
from domain.connection import ConnectionEvent, NoticeState
from domain.delivery import Held, HeldService
from tests.connections import Live, go_live
from tests.scripted_partner import DOWN, TAKEN, Line, rejecting


@pytest.fixture
async def line(database: Database) -> Line:
    """Generali, which has taken everything."""
    made = Line(await go_live(database, "generali"))
    await made.settle()
    return made


async def untick(live: Live, *left: str) -> None:
    async with live.database.transaction() as session:
        await catalogue_channels.publish(session, live.provider_id, live.playbook.slug, left)


async def test_a_withdrawal_that_is_rejected_is_shown_and_tried_again_once_a_day(line: Line) -> None:
    first, second = line.live.service_ids
    await untick(line.live, second)
    line.answer = rejecting(first)
    await line.settle()
    assert ("rejected", "us") in await line.tasks()
    tried = len(line.sent)
    line.trouble = "it answered 401"
    await line.compare()
    line.answer, line.now = TAKEN, line.now + timedelta(hours=23)
    await line.settle()
    assert len(line.sent) == tried
    line.now += timedelta(hours=1)
    await line.settle()
    assert len(line.sent) == tried + 1
    assert await line.tasks() == []


def _held(live: Live, **more: object) -> list[HeldService]:
    price = {"amount": "100.00", "currency": "RON"}
    told = {"duration_minutes": 30, "price": price, **more}
    return [HeldService.model_validate({"id": id, **told}) for id in live.service_ids]


async def test_a_rejection_goes_when_what_was_rejected_is_not_wanted_any_more(line: Line) -> None:
    first, _ = line.live.service_ids
    line.answer = rejecting(first)
    await line.live.change_prices_only({first: "120.00"})
    await line.settle()
    assert ("rejected", "us") in await line.tasks()
    line.answer = TAKEN
    await line.live.change_prices_only({first: "100.00"})
    await line.settle()
    assert await line.tasks() == []


@pytest.mark.parametrize("sequence", [0, 1, 40], ids=["forgot", "older backup", "our backup"])
async def test_a_partner_that_holds_something_else_is_mended_whatever_its_sequence(
    line: Line, sequence: int
) -> None:
    await line.live.change_prices_only({line.live.service_ids[0]: "120.00"})
    await line.settle()
    line.holds = Held(sequence=sequence, services=tuple(_held(line.live)))
    assert (await line.compare()).held == 2
    before = len(line.sent)
    await line.settle()
    assert len(line.sent) == before + 1
    async with line.live.database.transaction() as session:
        newest = await session.scalar(
            select(DeliveryRow.sequence).order_by(DeliveryRow.sequence.desc()).limit(1)
        )
    assert newest is not None
    assert newest > sequence, "or the partner would ignore it as older"


async def test_what_the_partner_holds_and_we_do_not_know_is_told_and_removed_by_sending_everything(
    line: Line,
) -> None:
    """Once: one that holds on is told again with the next daily comparison, not at once."""
    strange = HeldService(id="svc_strange", code="OLD", duration_minutes=30)
    line.holds = Held(sequence=1, services=(*_held(line.live), strange))
    line.now += timedelta(days=1)
    for told in (1, 0):
        await line.compare()
        before = len(line.sent)
        await line.settle()
        assert len(line.sent) - before == told
    async with line.live.database.transaction() as session:
        newest = select(DeliveryRow).order_by(DeliveryRow.sequence.desc()).limit(1)
        assert (await session.scalars(newest)).one().type == "services.snapshot"
        drift = select(ConnectionEventRow).where(ConnectionEventRow.type == ConnectionEvent.DRIFT_FOUND)
        assert [one.data["ids"] for one in await session.scalars(drift)] == [["svc_strange"]] * 2


async def test_what_is_to_be_sent_whole_stays_whole_when_something_changes_meanwhile(line: Line) -> None:
    async with line.live.database.transaction() as session:
        await session.execute(update(ConnectionRow).values(send_all=True))
    line.answer = DOWN
    planned = await line.plan()
    assert planned.delivery_id
    await line.try_(planned.delivery_id)
    await line.live.change_prices_only({line.live.service_ids[0]: "120.00"})
    await line.plan()
    async with line.live.database.transaction() as session:
        (waiting,) = (await session.scalars(select(DeliveryRow).where(DeliveryRow.state == "waiting"))).all()
    assert (waiting.type, waiting.services) == ("services.snapshot", 2)


async def test_a_price_edit_without_a_consent_in_force_is_told_only_once_it_is_accepted(
    database: Database,
) -> None:
    """R9, R16: nothing is lost, and nothing is told before."""
    line = Line(await go_live(database, "global-assistance"))
    await line.settle()
    async with database.transaction() as session:
        await session.execute(update(Consent).values(version="2019-01"))
        await session.execute(update(ConnectionRow).values(planned_version=-1))
    await line.live.change_prices_only({line.live.service_ids[0]: "777.00"})
    assert (await line.settle()).notices == ()
    async with database.transaction() as session:
        assert (await session.scalars(select(NoticeRow))).all() == []
        bookable = select(ConnectionServiceRow.service_id).where(ConnectionServiceRow.content.is_not(None))
        assert (await session.scalars(bookable)).all() == []
        await session.execute(update(Consent).values(version=line.live.playbook.declaration.version))
        found = await connections.locked(session, line.live.connection_id)
        assert found is not None
        found.planned_version = -1
    (notice_id,) = (await line.plan()).notices
    notice = await line.live.notice(notice_id)
    assert notice.state == NoticeState.WAITING
    assert notice.lines[0]["new"] == {"amount": "777.00", "currency": "RON"}


async def test_what_was_planned_before_the_consent_lapsed_is_not_sent_after_it(line: Line) -> None:
    """R9: what withdraws is."""
    await line.live.change_prices_only({line.live.service_ids[0]: "777.00"})
    planned = await line.plan()
    assert planned.delivery_id is not None
    async with line.live.database.transaction() as session:
        await session.execute(update(Consent).values(version="2019-01"))
        await session.execute(update(ConnectionRow).values(planned_version=-1, derived_version=-1))
    await line.plan(may_push=False)  # somebody looks while its turn comes
    before = list(line.sent)
    assert not (await line.try_(planned.delivery_id)).taken
    assert line.sent == before
    await line.settle()
    async with line.live.database.transaction() as session:
        newest = select(DeliveryRow).order_by(DeliveryRow.sequence.desc()).limit(1)
        made = (await session.scalars(newest)).one()
        assert (made.state, made.services, made.withdrawn) == ("taken", 0, 2)
