"""What goes out: to whom, in whose name and language, with which link and in which thread."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import mail
from adapters.database.links import OUTLIVES_DUE
from adapters.database.session import Database
from adapters.database.tables import LinkRow, Provider
from adapters.signing import LinkSigner
from domain.facts import ChannelFacts, ConsentFact
from domain.messages import SendMail
from tests.fakes import Gate
from tests.stack import PATIENCE
from tests.test_mail_desk import CLINIC, NOW, SUPPORT, TEAM, Desk, desk_on, text_of_bytes


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with desk_on(database) as desk:
        yield desk


async def test_the_intent_goes_from_the_provider_to_the_partner_with_support_in_copy(desk: Desk) -> None:
    outcome = await desk.send()
    (message,) = desk.taken()
    (envelope,) = desk.server.taken
    assert (outcome.state, outcome.detail) == ("sent", "250 2.0.0 Ok: queued as 1")
    assert envelope.mail_from == "racord@racord.example"
    assert envelope.rcpt_tos == [TEAM, SUPPORT, "medical@partner.example"]
    assert CLINIC in message["from"]
    assert CLINIC in message["reply-to"]
    assert message["sender"].split() == ['"Racord"', "<racord@racord.example>"]
    assert "C-17" in text_of_bytes(envelope.content)
    (row,) = await desk.rows()
    assert (row.state, row.tries, row.answer, row.sender) == ("sent", 1, outcome.detail, CLINIC)
    assert (row.settled_at, row.message_id) == (outcome.at, outcome.message_id)
    assert [copy["email"] for copy in row.copies] == [SUPPORT, "medical@partner.example"]


async def test_what_is_being_handed_over_when_it_is_cancelled_is_answered_for(desk: Desk) -> None:
    gate = desk.server.before_taking = Gate()
    environment = ActivityEnvironment()
    ask = SendMail(onboarding_id="onb_1", order=desk.order())
    sending = asyncio.create_task(environment.run(desk.activities.send_mail, ask))
    await gate.reached.wait()
    environment.cancel()
    gate.opened.set()
    assert (await sending).state == "sent"
    assert [row.state for row in await desk.rows()] == ["sent"]


async def test_nobody_else_takes_over_what_is_being_handed_over_when_it_is_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes the message only once it was seen that the activity still lives."""
    monkeypatch.setattr(mail, "MAIL_HEARTBEAT", timedelta(milliseconds=30))
    gate = desk.server.before_taking = Gate()
    environment = ActivityEnvironment()
    ask = SendMail(onboarding_id="onb_1", order=desk.order())
    sending = asyncio.create_task(environment.run(desk.activities.send_mail, ask))
    await gate.reached.wait()
    environment.cancel()
    environment.on_heartbeat = lambda *_: gate.opened.set()
    async with asyncio.timeout(PATIENCE):
        assert (await sending).state == "sent"
    assert [row.tries for row in await desk.rows()] == [1]


@pytest.mark.parametrize("where", [TEAM, SUPPORT, "DATA", "MAIL"])
async def test_a_later_is_retried_and_the_answer_kept(desk: Desk, where: str) -> None:
    desk.server.answers[where] = "451 4.7.1 Greylisted"
    with pytest.raises(ApplicationError, match="Greylisted") as raised:
        await desk.send()
    assert not raised.value.non_retryable
    (row,) = await desk.rows()
    assert (row.state, row.tries, row.settled_at) == ("queued", 1, None)
    assert "Greylisted" in (row.answer or "")
    desk.server.answers.clear()
    assert (await desk.send()).state == "sent"
    assert (await desk.rows())[0].tries == 2


async def test_the_invitation_carries_a_link_that_opens_and_no_token_is_stored(desk: Desk) -> None:
    await desk.until_settings()
    await desk.send()
    row = (await desk.rows())[-1]
    text = text_of_bytes(desk.server.taken[-1].content)
    token = LinkSigner(desk.settings.secret_keys).token(row.link_id or "")
    assert f"{desk.settings.public_url}/l/{token}" in text
    async with desk.database.transaction() as session:
        link = await session.get_one(LinkRow, row.link_id)
    assert (link.step, link.attempt, link.party, link.recipient_email) == ("settings", 1, "partner", TEAM)
    assert token not in repr(vars(row)) + repr(vars(link))


async def test_the_link_of_an_invitation_outlives_the_day_by_which_it_asks(desk: Desk) -> None:
    await desk.until_settings()
    due = datetime.now(UTC) + timedelta(days=desk.settings.link_days + 4)
    record = desk.progress.steps["settings"].model_copy(update={"due_at": due})
    desk.progress = desk.progress.model_copy(update={"steps": {**desk.progress.steps, "settings": record}})
    await desk.store()
    await desk.send()
    async with desk.database.transaction() as session:
        link = await session.get_one(LinkRow, (await desk.rows())[-1].link_id)
    assert link.expires_at == due + OUTLIVES_DUE


async def test_a_reminder_says_of_what_is_missing_what_the_explainer_says(desk: Desk) -> None:
    """R9, R18: an older version was accepted, by whom, and which."""
    await desk.deliver()
    older = ConsentFact(version="0.9", accepted_by="Ioana Pop", accepted_at=NOW, in_force=False)
    await desk.facts(ChannelFacts(version=1, published=14, consent=older))
    await desk.answer("consent", "remind")
    await desk.deliver()
    assert "Ioana Pop a acceptat versiunea 0.9" in text_of_bytes(desk.server.taken[-1].content)


async def test_a_reminder_brings_a_fresh_link_once_however_often_it_is_tried(desk: Desk) -> None:
    await desk.until_settings()
    await desk.deliver()
    invited = (await desk.rows())[-1].link_id
    await desk.answer("settings", "remind")
    desk.server.answers["DATA"] = "451 4.3.0 Later"
    order = desk.order()
    assert order.fresh_link
    for _ in range(2):
        with pytest.raises(ApplicationError):
            await desk.send(order)
    desk.server.answers.clear()
    await desk.send(order)
    async with desk.database.transaction() as session:
        made = (await session.scalars(select(LinkRow).order_by(LinkRow.created_at))).all()
    assert [link.id for link in made] == [invited, (await desk.rows())[-1].link_id]
    assert [link.revoked_at is None for link in made] == [False, True]


async def test_messages_to_one_recipient_form_a_thread(desk: Desk) -> None:
    await desk.until_settings()
    await desk.deliver()
    first, *others = desk.taken()
    assert "in-reply-to" not in first
    assert (
        [m["in-reply-to"] for m in others] == [m["references"] for m in others] == [first["message-id"]] * 2
    )


async def test_after_a_no_the_next_invitation_repeats_it_with_a_new_link(desk: Desk) -> None:
    await desk.until_settings()
    await desk.deliver()
    used = (await desk.rows())[-1].link_id
    await desk.answer("settings", "reject", name="Dan", role="Engineer", reason="Our firewall.", link_id=used)
    await desk.deliver()
    row = (await desk.rows())[-1]
    assert "> Our firewall." in text_of_bytes(desk.server.taken[-1].content)
    assert (row.attempt, row.link_id == used) == (2, False)


async def test_the_provider_is_written_to_in_its_language_and_the_partner_in_theirs(desk: Desk) -> None:
    await desk.deliver()
    await desk.answer("consent", "remind")
    await desk.deliver()
    to_partner, to_provider = desk.taken()
    assert (to_partner["content-language"], to_provider["content-language"]) == ("en", "ro")
    assert desk.server.taken[1].rcpt_tos == [CLINIC]
    assert (await desk.rows())[1].link_id is None


async def test_hostile_names_reach_nobody_else(desk: Desk) -> None:
    evil = "Clinica\r\nBcc: evil@evil.example\r\n\r\n<evil@evil.example>, " + "x" * 200
    async with desk.database.transaction() as session:
        await session.execute(update(Provider).values(name=evil))
    assert (await desk.send()).state == "sent"
    (envelope,) = desk.server.taken
    assert envelope.rcpt_tos == [TEAM, SUPPORT, "medical@partner.example"]
    assert "bcc" not in desk.taken()[0]


async def test_an_address_that_is_none_is_refused_before_any_server_is_asked(desk: Desk) -> None:
    async with desk.database.transaction() as session:
        await session.execute(update(Provider).values(email="clinica"))
    outcome = await desk.send()
    assert outcome.state == "refused"
    assert "“clinica” is not an e-mail address" in outcome.detail
    assert desk.server.commands == []
