"""Which address and which message a report marks, once; and a notice that comes back."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from adapters.bounces import Bounces
from adapters.database import bounce_lists, bounces, ledger
from adapters.database.bounce_lists import Chosen, Found
from adapters.database.ledger import MailState
from adapters.database.session import Database
from adapters.mail.delivery_report import read_report
from adapters.mail.render import TEMPLATES
from adapters.playbooks import Playbooks, load_playbooks
from adapters.settings import Settings
from adapters.temporal import Temporal
from domain.connection import ConnectionEvent, NoticeState
from tests import delivery_reports as written
from tests.connections import go_live, packaged
from tests.notice_desk import PARTNER, SUPPORT
from tests.notice_desk import Desk as NoticeDesk
from tests.test_mail_desk import TEAM, Desk, desk_on
from tests.test_mail_server import MailServer

MEDICAL = "medical@partner.example"
NEW = "birou@armonia.example"


async def take(database: Database, content: bytes, *, provider_id: str | None = None) -> list[str]:
    report = read_report(content)
    assert report is not None
    async with database.transaction() as session:
        return list(await bounces.take(session, report, datetime.now(UTC), provider_id=provider_id))


async def marks(database: Database) -> list[Found]:
    async with database.transaction() as session:
        return list(await bounce_lists.listed(session, Chosen(), limit=50))


# --- marks ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with desk_on(database) as desk:
        yield desk


async def test_a_report_marks_the_address_and_the_message(desk: Desk) -> None:
    sent = await desk.deliver()
    (mark,) = await take(desk.database, written.postfix(sent.message_id, TEAM))
    (found,) = await marks(desk.database)
    assert (found.row.id, found.row.address, found.row.role) == (mark, TEAM, "team")
    assert (found.row.status, found.row.is_copy, found.row.resolved_at) == ("5.1.1", False, None)
    assert found.row.diagnostic.startswith("550 5.1.1")
    assert (found.mail.state, found.mail.answer) == ("bounced", found.row.diagnostic)
    assert found.row.told_at is None, "the workflow is to hear of it"
    assert found.news.model_dump(include={"order_key", "step", "to", "address", "cc"}) == {
        "order_key": "intent:1:message",
        "step": "intent",
        "to": "team",
        "address": TEAM,
        "cc": False,
    }


async def test_a_message_comes_back_from_an_address_once_however_often_it_is_said(desk: Desk) -> None:
    sent = await desk.deliver()
    (first,) = await take(desk.database, written.postfix(sent.message_id, TEAM))
    assert await take(desk.database, written.postfix(sent.message_id, TEAM)) == [first]
    assert await take(desk.database, written.exim(sent.message_id, TEAM.upper())) == [first]
    assert len(await marks(desk.database)) == 1


async def test_a_copy_that_comes_back_leaves_the_message_sent(desk: Desk) -> None:
    sent = await desk.deliver()
    await take(desk.database, written.exchange(sent.message_id, MEDICAL))
    (found,) = await marks(desk.database)
    assert (found.row.role, found.row.is_copy, found.news.cc) == ("medical", True, True)
    assert (found.mail.state, found.needs_resending) == ("sent", False)


async def test_a_report_about_somebody_elses_message_marks_nothing(desk: Desk) -> None:
    await desk.deliver()
    assert await take(desk.database, written.postfix("<mail_x@racord.example>", TEAM)) == []
    assert await marks(desk.database) == []


async def test_a_report_about_somebody_who_was_not_written_to_marks_nothing(desk: Desk) -> None:
    sent = await desk.deliver()
    assert await take(desk.database, written.postfix(sent.message_id, "ceo@partner.example")) == []
    assert [row.state for row in await desk.rows()] == ["sent"]


async def test_a_forwarded_message_comes_back_from_the_one_it_was_sent_to(desk: Desk) -> None:
    await desk.until_settings()
    sent = await desk.deliver()
    await take(desk.database, written.exim(sent.message_id, "moved@elsewhere.example"))
    (found,) = await marks(desk.database)
    assert (found.row.address, found.mail.state) == (TEAM, "bounced")


async def test_whoever_is_limited_to_one_provider_marks_nothing_of_another(desk: Desk) -> None:
    sent = await desk.deliver()
    content = written.postfix(sent.message_id, TEAM)
    assert await take(desk.database, content, provider_id="prv_2") == []
    assert len(await take(desk.database, content, provider_id="prv_1")) == 1


@pytest.mark.parametrize(("refused", "is_copy"), [(TEAM, False), (MEDICAL, True)])
async def test_a_servers_no_to_a_recipient_marks_the_address_likewise(
    desk: Desk, refused: str, is_copy: bool
) -> None:
    desk.server.answers[refused] = "550 5.1.1 User unknown"
    assert (await desk.send()).state == "refused"
    (found,) = await marks(desk.database)
    assert (found.row.address, found.row.status, found.row.is_copy) == (refused, "5.1.1", is_copy)
    assert (found.row.diagnostic, found.row.report) == ("550 5.1.1 User unknown", None)
    assert found.row.told_at is not None, "its workflow hears the outcome"
    assert found.needs_resending, "nobody got it"


async def test_a_servers_no_to_the_message_says_nothing_of_an_address(desk: Desk) -> None:
    desk.server.answers["DATA"] = "554 5.7.1 Spam"
    assert (await desk.send()).state == "refused"
    assert await marks(desk.database) == []


async def test_a_report_that_is_faster_than_the_ledger_has_the_last_word(desk: Desk) -> None:
    sent = await desk.send()
    async with desk.database.transaction() as session:
        await session.execute(text("UPDATE mails SET state = 'sending', settled_at = NULL"))
    await take(desk.database, written.postfix(sent.message_id, TEAM))
    async with desk.database.transaction() as session:
        (row,) = await ledger.of_onboarding(session, "onb_1")
        await ledger.settle(session, row.id, MailState.SENT, "250 OK", datetime.now(UTC))
    assert (await desk.send()).state == "bounced"


async def test_what_is_unresolved_is_listed_first_and_pages_meet(desk: Desk) -> None:
    await desk.until_settings()
    sent = await desk.deliver()
    for row in await desk.rows():
        await take(desk.database, written.postfix(row.message_id, TEAM))
    everything = await marks(desk.database)
    assert len(everything) == 3
    assert everything[0].mail.message_id == sent.message_id
    async with desk.database.transaction() as session:
        await bounces.resolve(session, [everything[0].row.id], datetime.now(UTC))
        seen: list[str] = []
        after = None
        for _ in range(3):
            (found,) = await bounce_lists.listed(session, Chosen(), limit=1, after=after)
            seen.append(found.row.id)
            after = (found.row.resolved_at is not None, found.row.received_at, found.row.id)
        assert await bounce_lists.listed(session, Chosen(), limit=1, after=after) == []
    assert seen == [everything[index].row.id for index in (1, 2, 0)]


# --- notices of live connections -----------------------------------------------------------------------------------


@pytest.fixture
async def notices(database: Database) -> AsyncIterator[NoticeDesk]:
    async with MailServer().serving() as server:
        yield NoticeDesk(await go_live(database), server, packaged("global-assistance"))


async def test_a_notice_that_comes_back_waits_for_us_and_goes_to_the_corrected_address(
    notices: NoticeDesk, settings: Settings, temporal: Temporal
) -> None:
    """R14, R16."""
    notice_id = await notices.live.change_prices({notices.live.service_ids[0]: "120.00"})
    sent = await notices.send(notice_id)
    await take(notices.live.database, written.postfix(sent.message_id, PARTNER))
    row = await notices.live.notice(notice_id)
    assert (row.state, (row.trouble or "")[:9]) == (NoticeState.WAITING, "550 5.1.1")
    assert len(await notices.events(ConnectionEvent.NOTICE_TROUBLE)) == 1
    (found,) = await marks(notices.live.database)
    assert found.row.told_at is not None, "no onboarding is open"

    playbooks = load_playbooks(settings.partners_dir, TEMPLATES)
    assert await Bounces(settings, notices.live.database, temporal, playbooks).correct() == 0
    contact = notices.playbook.contacts["partnerships"].model_copy(update={"email": NEW})
    contacts = {**notices.playbook.contacts, "partnerships": contact}
    corrected = Playbooks(
        [notices.playbook.model_copy(update={"contacts": contacts})], playbooks.declarations
    )
    loop = Bounces(settings, notices.live.database, temporal, corrected)
    assert await loop.correct() == 1
    row = await notices.live.notice(notice_id)
    assert (row.state, row.trouble, row.attempt) == (NoticeState.WAITING, None, 2)
    assert [found.row.resolved_at is None for found in await marks(notices.live.database)] == [False]
    assert await loop.correct() == 0


async def test_supports_copy_that_comes_back_leaves_the_notice_with_the_partner(notices: NoticeDesk) -> None:
    notice_id = await notices.live.change_prices({notices.live.service_ids[0]: "120.00"})
    await notices.send(notice_id)
    copy = await notices.send(notice_id, to="support")
    await take(notices.live.database, written.postfix(copy.message_id, SUPPORT))
    assert (await notices.live.notice(notice_id)).state == NoticeState.SENT
    assert (await notices.send(notice_id, to="support")).state == "bounced", "and is not sent again"


async def test_a_notice_that_was_acknowledged_stays_so(notices: NoticeDesk) -> None:
    notice_id = await notices.live.change_prices({notices.live.service_ids[0]: "120.00"})
    sent = await notices.send(notice_id)
    async with notices.live.database.transaction() as session:
        await session.execute(text("UPDATE notices SET state = 'acknowledged'"))
    await take(notices.live.database, written.postfix(sent.message_id, PARTNER))
    assert (await notices.live.notice(notice_id)).state == NoticeState.ACKNOWLEDGED
