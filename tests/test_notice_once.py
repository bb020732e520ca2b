"""A notice goes out once, whatever happens, and learns what became of its message (R14, R16)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from adapters.database import notices
from adapters.database.connection_tables import NoticeRow
from adapters.database.ledger import CUT_OFF
from adapters.database.session import Database
from adapters.database.tables import LinkRow
from domain.connection import ConnectionEvent, ConnectionStatus, NoticeState
from domain.messages import SendNotice
from tests.connections import go_live, packaged
from tests.notice_desk import PARTNER, Desk
from tests.test_mail_server import MailServer


class Killed(BaseException):
    """The process ends here: nothing catches it."""


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with MailServer().serving() as server:
        yield Desk(await go_live(database), server, packaged("global-assistance"))


async def test_what_was_sent_is_not_sent_again(desk: Desk) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    assert await desk.send(notice_id) == await desk.send(notice_id)
    assert len(desk.server.taken) == 1
    assert len(await desk.events(ConnectionEvent.NOTICE_SENT)) == 1


async def test_after_a_kill_the_same_message_and_link_go_out_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    activities = desk.activities  # one worker's, so that both tries sign with one key

    async def killed(*_: Any) -> None:
        raise Killed

    ask = SendNotice(connection_id=desk.live.connection_id, notice_id=notice_id)
    with monkeypatch.context() as patch:
        patch.setattr(notices, "went_out", killed)
        with pytest.raises(Killed):
            await ActivityEnvironment().run(activities.send_notice, ask)
    assert (await desk.live.notice(notice_id)).state == NoticeState.WAITING
    assert (await ActivityEnvironment().run(activities.send_notice, ask)).state == "sent"
    first, second = desk.taken()
    assert first.as_bytes() == second.as_bytes()
    assert (await desk.live.notice(notice_id)).state == NoticeState.SENT


@pytest.mark.parametrize("comes_later", [False, True], ids=["at once", "after a later"])
async def test_what_was_acknowledged_though_its_sending_was_cut_off_is_never_said_to_be_unsent(
    desk: Desk, comes_later: bool
) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    for answer in ("drop", "451 4.3.0 Later")[: 1 + comes_later]:
        desk.server.answers["DATA"] = answer
        with pytest.raises(ApplicationError):
            await desk.send(notice_id)
    await desk.acknowledge(notice_id)
    outcome = await desk.send(notice_id)
    assert (outcome.state, outcome.detail, len(desk.server.taken)) == ("unknown", CUT_OFF, 1)
    (mail,) = await desk.mails()
    assert (mail.state, mail.answer) == ("unknown", CUT_OFF)
    assert (await desk.live.notice(notice_id)).trouble is None


async def test_a_notice_that_missed_its_proof_is_mended_without_a_second_message(desk: Desk) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    await desk.send(notice_id)
    async with desk.live.database.transaction() as session:
        await session.execute(update(NoticeRow).values(state=NoticeState.WAITING, sent_at=None))
    assert (await desk.send(notice_id)).state == "sent"
    assert (await desk.live.notice(notice_id)).state == NoticeState.SENT
    assert len(desk.server.taken) == 1


async def test_a_later_leaves_the_notice_waiting_and_then_it_goes_out(desk: Desk) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    desk.server.answers["DATA"] = "451 4.3.0 Later"
    with pytest.raises(ApplicationError, match="Later") as raised:
        await desk.send(notice_id)
    assert not raised.value.non_retryable
    row = await desk.live.notice(notice_id)
    assert (row.state, row.trouble) == (NoticeState.WAITING, None)
    desk.server.answers.clear()
    assert (await desk.send(notice_id)).state == "sent"


async def test_a_lasting_no_is_trouble_and_a_person_has_it_sent_again_with_a_fresh_link(desk: Desk) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    desk.server.answers[PARTNER] = "550 5.1.1 No such user"
    assert (await desk.send(notice_id)).state == "refused"
    row = await desk.live.notice(notice_id)
    assert row.state == NoticeState.WAITING
    assert "550 5.1.1 No such user" in (row.trouble or "")
    assert await desk.events(ConnectionEvent.NOTICE_SENT) == []
    desk.server.answers.clear()
    await desk.again(notice_id)
    assert (await desk.send(notice_id)).state == "sent"
    async with desk.live.database.transaction() as session:
        made = (await session.scalars(select(LinkRow).order_by(LinkRow.attempt))).all()
    assert [(link.attempt, link.revoked_at is None) for link in made] == [(1, False), (2, True)]


async def test_a_notice_that_was_withdrawn_is_not_sent_and_troubles_nobody(desk: Desk) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    async with desk.live.database.transaction() as session:
        await notices.withdraw_open(session, desk.live.connection_id, datetime.now(UTC))
    outcome = await desk.send(notice_id)
    assert (outcome.state, outcome.detail.startswith("Not sent:")) == ("refused", True)
    assert desk.server.commands == []
    assert (await desk.live.notice(notice_id)).trouble is None


@pytest.mark.parametrize("status", [ConnectionStatus.ENDING, ConnectionStatus.ENDED])
async def test_after_the_end_no_notice_goes_out(desk: Desk, status: ConnectionStatus) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    await desk.move(status)
    assert (await desk.send(notice_id)).state == "refused"
    assert desk.server.commands == []
    assert (await desk.live.notice(notice_id)).trouble is None


async def test_a_notice_waits_out_a_pause_and_is_sent_after_it(desk: Desk) -> None:
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    await desk.move(ConnectionStatus.PAUSED)
    assert (await desk.send(notice_id)).state == "refused"
    assert (desk.server.commands, await desk.mails()) == ([], [])
    await desk.move(ConnectionStatus.ACTIVE)
    assert (await desk.send(notice_id)).state == "sent"
