"""Notices of prices reach the partner in their order, and what came last is right (R16)."""

from collections.abc import AsyncIterator

import pytest

from adapters.database.catalogue_services import change_service
from adapters.database.session import Database
from adapters.database.tables import Service
from adapters.i18n import say
from domain.connection import ConnectionStatus
from tests.connections import go_live, packaged
from tests.notice_desk import PARTNER, SUPPORT, Desk
from tests.stack import text_of
from tests.test_mail_server import MailServer
from tests.test_notice_mail import file_in

NO = "550 5.1.1 mailbox unavailable"
REPEATED = (
    "You were sent this notice before. This message takes the place of the earlier one, and so does its link."
)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with MailServer().serving() as server:
        yield Desk(await go_live(database), server, packaged("global-assistance"))


async def test_a_notice_of_prices_waits_until_the_one_before_it_that_came_back_went_out(desk: Desk) -> None:
    """R16: in order, each by itself."""
    (service, *_) = desk.live.service_ids
    first = await desk.live.change_prices({service: "110.00"})
    second = await desk.live.change_prices({service: "120.00"})
    desk.server.answers[PARTNER] = NO
    assert (await desk.send(first)).state == "refused"
    desk.server.answers.clear()
    outcome = await desk.send(second)
    assert (outcome.state, outcome.detail) == ("refused", "Not sent: notice 1 goes out first.")
    assert (await desk.to_send(), await desk.held_back()) == ([], {2: 1})
    assert (await desk.live.notice(second)).trouble is None, "nobody has anything to settle about it"
    await desk.again(first)
    assert await desk.to_send() == [first, second]
    assert [(await desk.send(one)).state for one in (first, second)] == ["sent", "sent"]
    assert ["1:" in desk.taken()[0]["subject"], "2:" in desk.taken()[1]["subject"]] == [True, True]


async def test_a_notice_of_prices_overtakes_none_that_waits_for_a_pause_to_end(desk: Desk) -> None:
    """R16: the connection is paused and resumed while they go out."""
    (service, *_) = desk.live.service_ids
    first = await desk.live.change_prices({service: "110.00"})
    second = await desk.live.change_prices({service: "120.00"})
    await desk.move(ConnectionStatus.PAUSED)
    await desk.send(first)
    await desk.move(ConnectionStatus.ACTIVE)
    outcome = await desk.send(second)
    assert (outcome.state, outcome.detail) == ("refused", "Not sent: notice 1 goes out first.")
    assert (await desk.to_send(), await desk.held_back()) == ([first, second], {}), "nobody has to act"
    assert [(await desk.send(one)).state for one in (first, second)] == ["sent", "sent"]


async def test_new_examinations_wait_for_no_other_notice(desk: Desk) -> None:
    """R14: what came back about prices keeps nobody from taking them up."""
    first = await desk.live.change_prices({desk.live.service_ids[0]: "110.00"})
    desk.server.answers[PARTNER] = NO
    await desk.send(first)
    desk.server.answers.clear()
    new = await desk.live.ask_for(await desk.live.add_service("NEU"))
    assert await desk.to_send() == [new]
    assert (await desk.send(new)).state == "sent"


async def test_an_older_notice_that_is_sent_again_tells_the_prices_that_hold_now(desk: Desk) -> None:
    """R16: whoever types in what came last has our prices."""
    one, other = desk.live.service_ids
    first = await desk.live.change_prices({one: "110.00", other: "80.00"})
    second = await desk.live.change_prices({one: "120.00"})
    for notice_id in (first, second):
        await desk.send(notice_id)
    await desk.again(first)
    await desk.send(first)
    mail = desk.taken()[-1]
    said = " ".join(text_of(mail).split())
    assert "Service 0: 100,00 RON → 120,00 RON (" in said
    assert "Service 1: 100,00 RON → 80,00 RON (" not in said
    assert [row[5] for row in file_in(mail)[1][1:]] == ["120,00", "80,00"]
    held = await desk.live.notice(first)
    assert [line["new"]["amount"] for line in held.lines] == ["110.00", "80.00"], (
        "what it told is kept as it was"
    )


async def test_an_older_notice_tells_the_price_of_a_newer_one_that_was_acknowledged_though_never_sent(
    desk: Desk,
) -> None:
    """R16: the partner said so on the phone, and no drift would show the older price."""
    (service, *_) = desk.live.service_ids
    first = await desk.live.change_prices({service: "110.00"})
    await desk.send(first)
    second = await desk.live.change_prices({service: "120.00"})
    desk.server.answers[PARTNER] = NO
    await desk.send(second)
    desk.server.answers.clear()
    await desk.acknowledge(second)
    await desk.again(first)
    await desk.send(first)
    mail = desk.taken()[-1]
    assert "Service 0: 100,00 RON → 120,00 RON (" in " ".join(text_of(mail).split())
    assert [row[5] for row in file_in(mail)[1][1:]] == ["120,00"]


async def test_a_newer_notice_that_nobody_was_sent_is_not_told_before_its_turn(desk: Desk) -> None:
    """R16: each edit is told once, by its own notice."""
    (service, *_) = desk.live.service_ids
    first = await desk.live.change_prices({service: "110.00"})
    await desk.send(first)
    await desk.live.change_prices({service: "120.00"})
    await desk.again(first)
    await desk.send(first)
    assert "120,00" not in text_of(desk.taken()[-1])


@pytest.mark.parametrize(
    ("slug", "price"), [("generali", "199,00"), ("global-assistance", "80,00")], ids=["pushed", "told"]
)
async def test_new_examinations_are_told_as_the_catalogue_has_them_when_they_are_told(
    database: Database, slug: str, price: str
) -> None:
    """R14, R15: what changed while the notice waited. A price that is told by notices has one of its own (R16)."""
    async with MailServer().serving() as server:
        desk = Desk(await go_live(database, slug), server, packaged(slug))
        new = await desk.live.add_service("NEU", price="80.00")
        notice_id = await desk.live.ask_for(new)
        await desk.live.change_prices_only({new: "199.00"})
        async with database.transaction() as session:
            found = await session.get_one(Service, new)
            await change_service(session, found, {"name": "Ecografie", "duration_minutes": 95})
        await desk.send(notice_id)
        (mail,) = desk.taken()
    assert f"NEU, Ecografie, 95 min: {price} RON" in " ".join(text_of(mail).split())
    assert file_in(mail)[1][1:] == [["NEU", "Ecografie", "95", price, "RON"]]
    assert (await desk.live.notice(notice_id)).lines[0]["duration_minutes"] == 30, "it is kept as it was"


async def test_only_who_may_have_had_a_notice_is_told_that_it_was_sent_before(desk: Desk) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "110.00"})
    desk.server.answers[PARTNER] = NO
    await desk.send(notice_id)
    await desk.send(notice_id, to="support")
    desk.server.answers.clear()
    await desk.again(notice_id)
    await desk.send(notice_id)
    await desk.send(notice_id, to="support")
    await desk.again(notice_id)
    await desk.send(notice_id)
    again = say("ro", REPEATED)
    told = [again in " ".join(text_of(mail).split()) for mail in desk.taken()]
    assert [envelope.rcpt_tos for envelope in desk.server.taken] == [
        [SUPPORT], [PARTNER], [SUPPORT], [PARTNER],
    ]  # fmt: skip
    assert told == [False, False, True, True]
