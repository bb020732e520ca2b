"""Notices and farewells of live connections on a real server: to whom, with what, once, and what the notice learns of it."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.mail import MailActivities
from adapters.database import catalogue_channels, connections, ledger, notices
from adapters.database.changes import Author
from adapters.database.connection_tables import ConnectionEventRow, NoticeRow
from adapters.database.session import Database
from adapters.database.tables import LinkRow, MailRow, Service
from adapters.mail.smtp import Mailer
from adapters.price_files.csv_text import decoded, rows_of
from adapters.signing import LinkSigner
from domain.connection import ConnectionEvent, ConnectionStatus, NoticeState
from domain.messages import SendFarewell, SendNotice
from domain.playbook import Playbook
from domain.steps.base import MailOutcome
from tests.connections import CLINIC, IOANA, Live, go_live, packaged
from tests.stack import link_in, settings_for, text_of
from tests.test_mail_server import MailServer

SUPPORT = "suport@programari.example"
PARTNER = "retea-medicala@global-assistance.example"


class Killed(BaseException):
    """The process ends here: nothing catches it."""


@dataclass
class Desk:
    """A live connection to Global Assistance, and the activity that writes its mails."""

    live: Live
    server: MailServer
    playbook: Playbook

    @property
    def activities(self) -> MailActivities:
        settings = settings_for("postgresql://", "127.0.0.1:1", self.server.port, support_email=SUPPORT)
        signer = LinkSigner([key.get_secret_value() for key in settings.secret_keys])
        known = {self.playbook.slug: self.playbook}
        return MailActivities(self.live.database, Mailer(settings), signer, settings, known)

    async def send(self, notice_id: str) -> MailOutcome:
        ask = SendNotice(connection_id=self.live.connection_id, notice_id=notice_id)
        return await ActivityEnvironment().run(self.activities.send_notice, ask)

    async def say_farewell(self, to: str) -> MailOutcome:
        ask = SendFarewell(connection_id=self.live.connection_id, to=to)
        return await ActivityEnvironment().run(self.activities.send_farewell, ask)

    def taken(self) -> list[EmailMessage]:
        contents = [envelope.content for envelope in self.server.taken]
        return [message_from_bytes(c, policy=policy.default) for c in contents if isinstance(c, bytes)]

    async def mails(self) -> list[MailRow]:
        async with self.live.database.transaction() as session:
            return list(await ledger.of_onboarding(session, self.live.onboarding_id))

    async def events(self, type: ConnectionEvent) -> list[dict[str, Any]]:
        ask = select(ConnectionEventRow.data).where(ConnectionEventRow.type == type)
        async with self.live.database.transaction() as session:
            return list(await session.scalars(ask.order_by(ConnectionEventRow.id)))

    async def move(self, status: ConnectionStatus) -> None:
        async with self.live.database.transaction() as session:
            found = await connections.locked(session, self.live.connection_id)
            assert found is not None
            await connections.move(session, found, status, ConnectionEvent.PAUSED)

    async def again(self, notice_id: str) -> None:
        async with self.live.database.transaction() as session:
            row = await notices.locked(session, notice_id)
            assert row is not None
            await notices.again(session, row, IOANA, datetime.now(UTC))


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with MailServer().serving() as server:
        yield Desk(await go_live(database), server, packaged("global-assistance"))


def file_in(mail: EmailMessage) -> tuple[str, list[list[str]]]:
    """The name and the rows of the one file that goes along."""
    (file,) = mail.iter_attachments()
    content = file.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.startswith(b"\xef\xbb\xbf")
    assert (file.get_content_type(), file.get_content_charset()) == ("text/csv", "utf-8")
    text = content.decode("utf-8-sig")
    return str(file.get_filename()), list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


async def test_a_price_edit_is_told_by_the_provider_to_the_partner_with_support_in_copy(desk: Desk) -> None:
    """R14, R16."""
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    outcome = await desk.send(notice_id)
    (envelope,), (mail,) = desk.server.taken, desk.taken()
    assert (outcome.state, envelope.rcpt_tos) == ("sent", [PARTNER, SUPPORT])
    assert (CLINIC in mail["from"], CLINIC in mail["reply-to"]) == (True, True)
    assert "racord@racord.example" in mail["sender"]
    assert "1" in mail["subject"]
    said = " ".join(text_of(mail).split())
    assert "S00000, Service 0: 100,00 RON → 120,00 RON" in said
    assert "Ioana Mureșan" in said
    assert "Service 1" not in said
    name, rows = file_in(mail)
    assert name == "prices-1.csv"
    assert rows[1:] == [["S00000", "Service 0", "30", "100,00", "RON", "120,00", "RON"]]
    row = await desk.live.notice(notice_id)
    assert (row.state, row.sent_at, row.trouble) == (NoticeState.SENT, outcome.at, None)
    (kept,) = await desk.mails()
    assert (kept.order_key, kept.step, kept.state) == (f"{notice_id}:1", notice_id, "sent")
    async with desk.live.database.transaction() as session:
        link = await session.get_one(LinkRow, kept.link_id)
    assert (link.step, link.attempt, link.recipient_role) == (notice_id, 1, "partnerships")


async def test_new_examinations_are_told_with_code_minutes_and_price(desk: Desk) -> None:
    """R14."""
    new = await desk.live.add_service("NEU", name="Ecografie de părți moi", price="80.50")
    await desk.send(await desk.live.ask_for(new))
    (mail,) = desk.taken()
    assert "NEU, Ecografie de părți moi, 30 min: 80,50 RON" in " ".join(text_of(mail).split())
    assert link_in(mail)
    name, rows = file_in(mail)
    assert (name, rows[1:]) == (
        "services-1.csv",
        [["NEU", "Ecografie de părți moi", "30", "80,50", "RON"]],
    )


async def test_the_role_named_in_the_playbook_gets_the_notices(desk: Desk) -> None:
    sync = desk.playbook.sync.model_copy(update={"notices_to": "technical"})
    desk.playbook = desk.playbook.model_copy(update={"sync": sync})
    await desk.send(await desk.live.change_prices({desk.live.service_ids[0]: "120.00"}))
    assert desk.server.taken[0].rcpt_tos == ["integrare@global-assistance.example", SUPPORT]


async def test_notices_carry_their_numbers_and_form_a_thread(desk: Desk) -> None:
    for price in ("120.00", "130.00"):
        await desk.send(await desk.live.change_prices({desk.live.service_ids[0]: price}))
    first, second = desk.taken()
    assert (file_in(first)[0], file_in(second)[0]) == ("prices-1.csv", "prices-2.csv")
    assert ("1:" in first["subject"], "2:" in second["subject"]) == (True, True)
    assert second["in-reply-to"] == first["message-id"]


async def test_twenty_of_ten_thousand_are_in_the_text_and_all_in_the_file(database: Database) -> None:
    """R16: one saved edit of 10,000 prices is one notice, and one message that any mail server takes."""
    async with MailServer().serving() as server:
        live = await go_live(database, services=10_000)
        desk = Desk(live, server, packaged("global-assistance"))
        async with database.transaction() as session:
            await session.execute(update(Service).values(name="Consultație și ecografie de părți moi"))
        notice_id = await live.change_prices(dict.fromkeys(live.service_ids, "120.00"))
        assert (await desk.send(notice_id)).state == "sent"
        (envelope,), (mail,) = server.taken, desk.taken()
        assert isinstance(envelope.content, bytes)
        assert len(envelope.content) < 2_000_000
        assert text_of(mail).count("→") == 21  # twenty lines, and their heading
        assert len(file_in(mail)[1]) == 10_001


async def test_a_service_that_is_named_like_a_formula_calculates_nowhere(desk: Desk) -> None:
    evil = '=HYPERLINK("http://evil.example";"x")'
    new = await desk.live.add_service("+1+1", name=evil)
    await desk.send(await desk.live.ask_for(new))
    (mail,) = desk.taken()
    (file,) = mail.iter_attachments()
    content = file.get_payload(decode=True)
    assert isinstance(content, bytes)
    text, _ = decoded(content)
    ((_, row),) = list(rows_of(text, ";"))[1:]
    assert (row[0], row[1]) == ("+1+1", evil)  # read back as typed, and as text
    assert "'+1+1" in text
    assert f"'{evil[0]}" in text


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


async def test_everybody_is_told_once_of_the_end_and_of_its_cause_and_author(desk: Desk) -> None:
    """R17."""
    async with desk.live.database.transaction() as session:
        here = (session, desk.live.provider_id, desk.live.playbook.slug)
        await catalogue_channels.enable(*here, False, by=Author(IOANA, "test"))
    for to in ("provider", "support", "partner", "partnerships"):
        assert (await desk.say_farewell(to)).state == "sent"
    assert [envelope.rcpt_tos for envelope in desk.server.taken] == [[CLINIC], [SUPPORT], [PARTNER]]
    for mail in desk.taken():
        said = " ".join(text_of(mail).split())
        assert "Ioana Mureșan" in said
        assert ("None" in said, list(mail.iter_attachments())) == (False, [])
    assert [row.order_key for row in await desk.mails()] == [
        "ended:provider",
        "ended:support",
        "ended:partnerships",
    ]


async def test_nobody_is_told_of_an_end_that_is_none(desk: Desk) -> None:
    assert (await desk.say_farewell("provider")).state == "refused"
    assert desk.server.commands == []


async def test_a_notice_of_another_connection_is_not_there(desk: Desk) -> None:
    with pytest.raises(ApplicationError) as raised:
        await desk.send("ntc_none")
    assert raised.value.non_retryable
