"""A farewell that is put off, or comes late, goes out by itself only as long as it is news; then a person decides (R17)."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

from adapters.database.ledger import CUT_OFF
from adapters.mail.smtp import Mailer
from domain.connection import ConnectionEvent
from tests.connections import go_live_again
from tests.notice_desk import PARTNER
from tests.test_farewells import UNTOLD, Ended, ended

__all__ = ["ended"]
LATER = "452 4.2.2 Mailbox full"


async def pass_days(ended: Ended, days: int) -> None:
    """The end, and the letters that wait, are so much older."""
    async with ended.desk.live.database.transaction() as session:
        for what in ("mails SET created_at = created_at", "connection_events SET at = at"):
            await session.execute(text(f"UPDATE {what} - make_interval(days => {days})"))


async def put_off(ended: Ended) -> None:
    """The partner's mail server says "later" to the letter."""
    ended.desk.server.answers[PARTNER] = LATER
    with pytest.raises(ApplicationError, match="Mailbox full"):
        await ended.desk.say_farewell("partner")


@pytest.mark.parametrize("name", ["tell-again", "told"])
async def test_a_letter_that_is_put_off_for_ever_is_a_task_that_can_be_settled(
    ended: Ended, name: str
) -> None:
    await put_off(ended)
    assert (await ended.tasks(), (await ended.stands())[0]) == ([], 0), "it may be taken in a moment"
    await pass_days(ended, 1)
    assert await ended.tasks() == [UNTOLD]
    assert await ended.stands() == (1, "us", ["tell-again", "told"])

    await ended.here.do(name, {"reason": "We called."} if name == "told" else {})
    assert (await ended.tasks(), await ended.stands()) == ([], (0, None, []))
    assert await ended.has_workflow() is (name == "tell-again")
    ended.desk.server.answers.clear()
    await ended.desk.say_farewell("partner")
    assert len(ended.desk.server.taken) == (1 if name == "tell-again" else 0)


async def test_nobody_is_told_unasked_of_the_end_of_a_channel_that_is_live_again(ended: Ended) -> None:
    await put_off(ended)
    await go_live_again(ended.desk.live)
    await unasked_then_asked(ended, "live again")


async def test_nobody_is_told_unasked_of_an_old_end(ended: Ended) -> None:
    await put_off(ended)
    await pass_days(ended, 31)
    await unasked_then_asked(ended, "30 days")


async def unasked_then_asked(ended: Ended, why: str) -> None:
    """The letter is a person's to send; it goes out once the person wants it."""
    ended.desk.server.answers.clear()
    outcome = await ended.desk.say_farewell("partner")
    assert (outcome.state, why in outcome.detail) == ("refused", True)
    assert await ended.tasks() == [UNTOLD]
    assert not await ended.has_workflow()
    await ended.here.do("tell-again", {})
    assert (await ended.desk.say_farewell("partner")).state == "sent"


async def test_a_letter_whose_sending_was_cut_off_is_never_said_to_be_unsent(ended: Ended) -> None:
    ended.desk.server.answers["DATA"] = "drop"
    with pytest.raises(ApplicationError, match="broke"):
        await ended.desk.say_farewell("partner")
    await go_live_again(ended.desk.live)
    outcome = await ended.desk.say_farewell("partner")
    assert (outcome.state, outcome.detail, len(ended.desk.server.taken)) == ("unknown", CUT_OFF, 1)
    assert await ended.tasks() == [UNTOLD], "a person decides"


@pytest.mark.parametrize("name", ["tell-again", "told"])
async def test_what_is_being_handed_over_has_its_answer_and_takes_no_other_letter_along(
    ended: Ended, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await put_off(ended)
    await pass_days(ended, 1)
    ended.desk.server.answers.clear()
    asked_while_handing_over(ended, monkeypatch, name)
    assert [(await ended.desk.say_farewell("partner")).state for _ in range(2)] == ["sent", "sent"]
    assert len(ended.desk.server.taken) == 1
    assert [(one.order_key, one.state) for one in await ended.desk.mails()] == [
        ("ended:partnerships", "sent")
    ]
    assert (await ended.tasks(), (await ended.stands())[0]) == ([], 0)


def asked_while_handing_over(ended: Ended, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A person asks for it at the moment of the next try, before the mail server answers."""
    hand_over = Mailer.send

    async def send(mailer: Mailer, message: bytes, sender: str, recipients: Sequence[str]) -> str:
        monkeypatch.setattr(Mailer, "send", hand_over)
        await ended.here.do(name, {"reason": "We called."} if name == "told" else {})
        return await mailer.send(message, sender, recipients)

    monkeypatch.setattr(Mailer, "send", send)


async def test_who_is_said_to_know_while_the_mail_server_puts_the_letter_off_gets_none(
    ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_off(ended)
    await pass_days(ended, 1)
    asked_while_handing_over(ended, monkeypatch, "told")
    await put_off(ended)
    ended.desk.server.answers.clear()
    assert (await ended.desk.say_farewell("partner")).state == "refused"
    assert (ended.desk.server.taken, await ended.tasks()) == ([], [])
    assert not await ended.has_workflow()


async def test_a_letter_in_doubt_that_is_put_off_gives_way_to_a_further_one(ended: Ended) -> None:
    ended.desk.server.answers["DATA"] = "drop"
    with pytest.raises(ApplicationError, match="broke"):
        await ended.desk.say_farewell("partner")
    await put_off(ended)
    await pass_days(ended, 1)
    await ended.here.do("tell-again", {})
    ended.desk.server.answers.clear()
    assert (await ended.desk.say_farewell("partner")).state == "sent"
    assert [one.state for one in await ended.desk.mails()] == ["unknown", "sent"]


async def asked_for(ended: Ended) -> tuple[str, ...]:
    """Who is told at once, whatever was tried before; that somebody is to be told is sure."""
    found = await ended.here.plan_end()
    assert found.tell
    return found.tell_now


async def test_only_a_letter_that_somebody_asked_for_waits_for_no_earlier_try(ended: Ended) -> None:
    await put_off(ended)
    await pass_days(ended, 1)
    assert await asked_for(ended) == ()
    await ended.here.do("tell-again", {})
    assert await asked_for(ended) == ("partner",)
    await put_off(ended)
    assert await asked_for(ended) == ()


async def test_who_asks_while_a_try_is_cut_off_has_the_next_one_made_at_once(ended: Ended) -> None:
    """Nothing says whether it is still under way: no further letter is written."""
    ended.desk.server.answers["DATA"] = "drop"
    with pytest.raises(ApplicationError, match="broke"):
        await ended.desk.say_farewell("partner")
    await pass_days(ended, 1)
    assert await asked_for(ended) == ()
    await ended.here.do("tell-again", {})
    assert await asked_for(ended) == ("partner",)
    (line,) = await ended.desk.events(ConnectionEvent.FAREWELL_REPEATED)
    assert (line["role"], line["to"]) == ("partnerships", PARTNER)
    with pytest.raises(ApplicationError, match="broke"):
        await ended.desk.say_farewell("partner")
    assert await asked_for(ended) == ()
    assert [one.order_key for one in await ended.desk.mails()] == ["ended:partnerships"]


async def test_what_was_asked_for_during_a_try_that_the_server_puts_off_is_not_forgotten(
    ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_off(ended)
    await pass_days(ended, 1)
    asked_while_handing_over(ended, monkeypatch, "tell-again")
    await put_off(ended)
    assert await asked_for(ended) == ("partner",)
    await go_live_again(ended.desk.live)
    ended.desk.server.answers.clear()
    assert (await ended.desk.say_farewell("partner")).state == "sent"
