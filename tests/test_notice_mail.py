"""Notices and farewells of live connections on a real server: to whom, with what, once, and what the notice learns of it."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import update
from temporalio.exceptions import ApplicationError

from adapters.database import catalogue_channels, notices, tasks
from adapters.database.changes import Author
from adapters.database.connection_tables import ConnectionRow, NoticeRow
from adapters.database.notices import COPIES_WITHIN
from adapters.database.session import Database
from adapters.database.tables import LinkRow, Service
from adapters.mail.render import TEMPLATES
from adapters.price_files.csv_text import decoded, rows_of
from domain.connection import NoticeState
from domain.playbook import problems
from tests.connections import CLINIC, IOANA, NOW, go_live, go_live_together, packaged
from tests.notice_desk import PARTNER, SUPPORT, Desk
from tests.stack import link_in, text_of
from tests.test_mail_server import MailServer


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


async def test_support_gets_the_same_without_the_link_so_that_nobody_there_answers_for_the_partner(
    desk: Desk,
) -> None:
    """R14."""
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    await desk.send(notice_id, to="support")
    assert (await desk.live.notice(notice_id)).state == NoticeState.WAITING, "the partner knows nothing yet"
    await desk.send(notice_id)
    support, partner = desk.taken()
    assert (support["to"], "/l/" in text_of(support)) == (SUPPORT, False)
    assert "120,00 RON" in " ".join(text_of(support).split())
    assert file_in(support)[0] == "prices-1.csv"
    assert link_in(partner)
    assert [one.order_key for one in await desk.mails()] == [f"{notice_id}:1:support", f"{notice_id}:1"]


async def test_support_is_owed_its_copy_for_as_long_as_a_notice_is_open(desk: Desk) -> None:
    """R14: after a pause of months too; of what was settled long ago it needs none."""
    notice_id = await desk.live.ask_for(await desk.live.add_service("NEU"))
    much_later = NOW + COPIES_WITHIN + timedelta(days=1)

    async def due() -> list[str]:
        async with desk.live.database.transaction() as session:
            found = await session.get_one(ConnectionRow, desk.live.connection_id)
            return list(await notices.copies_due(session, found, much_later))

    assert await due() == [notice_id]
    async with desk.live.database.transaction() as session:
        notice = await session.get_one(NoticeRow, notice_id)
        await notices.acknowledge(session, notice, IOANA, much_later)
    assert await due() == []


async def test_a_price_edit_is_told_by_the_provider_to_the_partner(desk: Desk) -> None:
    """R14, R16."""
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "120.00"})
    outcome = await desk.send(notice_id)
    (envelope,), (mail,) = desk.server.taken, desk.taken()
    assert (outcome.state, envelope.rcpt_tos) == ("sent", [PARTNER])
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
    assert desk.server.taken[0].rcpt_tos == ["integrare@global-assistance.example"]


def test_a_role_for_notices_that_nobody_has_is_a_mistake_in_the_playbook() -> None:
    book = packaged("global-assistance")
    assert book.notices_to == "partnerships"
    sync = book.sync.model_copy(update={"notices_to": "boss"})
    known = {(book.declaration.document, book.declaration.version): frozenset(book.languages)}
    (found,) = problems(book.model_copy(update={"sync": sync}), TEMPLATES, known)
    assert (found.path, found.problem) == (("sync", "notices_to"), "unknown contact “boss”")


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
        (live,) = await go_live_together(database, ["global-assistance"], 10_000)
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


async def test_a_copy_that_supports_mail_server_puts_off_is_a_task(desk: Desk) -> None:
    """R14, R16: nobody else would hear that support was not told."""
    notice_id = await desk.live.change_prices({desk.live.service_ids[0]: "110.00"})
    await desk.send(notice_id)
    desk.server.answers[SUPPORT] = "452 4.2.2 Mailbox full"
    with pytest.raises(ApplicationError, match="Mailbox full"):
        await desk.send(notice_id, to="support")

    async def waiting(after: timedelta) -> list[str]:
        async with desk.live.database.transaction() as session:
            later = datetime.now(UTC) + after
            found = await tasks.waiting(session, tasks.Chosen(), limit=9, after=None, now=later)
        return sorted(one.key for one, _ in found)

    assert await waiting(timedelta()) == ["notice"], "it may be taken in a moment"
    assert await waiting(timedelta(minutes=16)) == ["notice", "notice_unsent"]
    desk.server.answers.clear()
    await desk.send(notice_id, to="support")
    assert await waiting(timedelta(minutes=16)) == ["notice"]
