"""The ledger under kills and refusals: nothing lost, and nothing said to be sent that was not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import post
from activities.post import MOST_TRIES_IN_DOUBT
from adapters.database import ledger
from adapters.database.ledger import CUT_OFF
from adapters.database.session import Database
from adapters.database.tables import MailRow, Provider
from domain.messages import SendMail
from domain.model import OnboardingStatus
from tests.test_mail_desk import SUPPORT, TEAM, Desk, consented, desk_on


class Killed(BaseException):
    """The process ends here: nothing catches it."""


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with desk_on(database) as desk:
        yield desk


async def test_what_was_sent_is_answered_from_the_ledger(desk: Desk) -> None:
    order = desk.order()
    assert await desk.send(order) == await desk.send(order)
    assert len(desk.server.taken) == 1


async def test_a_kill_between_the_servers_word_and_the_commit_leaves_one_duplicate_at_most(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.until_settings()
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "settle", _killed)
        with pytest.raises(Killed):
            await desk.send()
    outcome = await desk.send()
    first, second = desk.taken()[-2:]
    assert outcome.state == "sent"
    assert first.as_bytes() == second.as_bytes()
    assert first["message-id"] == outcome.message_id
    assert (await desk.rows())[-1].tries == 2


async def test_a_database_that_is_back_in_a_moment_costs_no_duplicate(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "PAUSES_BEFORE_SETTLING", (0.0, 0.0, 0.0))
    down, settle = iter([True, True, False]), ledger.settle

    async def once(*args: Any) -> MailRow:
        if next(down):
            raise OperationalError("UPDATE", {}, Exception("the database is starting up"))
        return await settle(*args)

    monkeypatch.setattr(ledger, "settle", once)
    assert (await desk.send()).state == "sent"
    assert len(desk.server.taken) == 1


async def test_a_hold_mail_that_was_cut_off_is_for_a_person(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.deliver()
    await desk.facts(consented())
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "settle", _killed)
        with pytest.raises(Killed):
            await desk.send()
    outcome = await desk.send()
    assert (outcome.state, outcome.detail) == ("unknown", CUT_OFF)
    assert len(desk.server.taken) == 2
    assert (await desk.rows())[-1].state == "unknown"


async def test_of_a_mail_that_was_cut_off_the_address_is_said_to_be_bad_too(desk: Desk) -> None:
    order = desk.order()
    desk.server.answers["DATA"] = "drop"
    with pytest.raises(ApplicationError, match="broke"):
        await desk.send(order)
    async with desk.database.transaction() as session:
        await session.execute(update(Provider).values(email="clinica"))
    outcome = await desk.send(order)
    assert outcome.state == "unknown", "it may have got through"
    assert outcome.detail.startswith(CUT_OFF)
    assert "“clinica” is not an e-mail address" in outcome.detail


@pytest.mark.parametrize("where", [TEAM, SUPPORT, "DATA"])
async def test_a_lasting_no_is_refused_with_a_reason_and_goes_to_nobody(desk: Desk, where: str) -> None:
    desk.server.answers[where] = "550 5.1.1 No such user"
    outcome = await desk.send()
    assert outcome.state == "refused"
    assert "550 5.1.1 No such user" in outcome.detail
    assert where == "DATA" or where in outcome.detail
    assert desk.server.taken == []
    assert await desk.send() == outcome
    assert (await desk.rows())[0].state == "refused"


async def test_a_hold_mail_told_later_is_not_in_doubt(desk: Desk) -> None:
    await desk.deliver()
    await desk.facts(consented())
    desk.server.answers["DATA"] = "451 4.3.0 Later"
    with pytest.raises(ApplicationError, match="Later"):
        await desk.send()
    desk.server.answers.clear()
    assert (await desk.send()).state == "sent"


async def test_a_broken_hand_over_is_tried_again_with_the_same_message_then_left_to_a_person(
    desk: Desk,
) -> None:
    desk.server.answers["DATA"] = "drop"
    for _ in range(MOST_TRIES_IN_DOUBT - 1):
        with pytest.raises(ApplicationError, match="broke"):
            await desk.send()
    assert (await desk.send()).state == "unknown"
    assert len({message["message-id"] for message in desk.taken()}) == 1


async def test_a_broken_hand_over_of_a_hold_mail_is_for_a_person_at_once(desk: Desk) -> None:
    await desk.deliver()
    await desk.facts(consented())
    desk.server.answers["DATA"] = "drop"
    assert (await desk.send()).state == "unknown"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"status": OnboardingStatus.CANCELLED}, True),
        ({"status": OnboardingStatus.ON_HOLD}, False),
    ],
)
async def test_a_mail_that_lost_its_sense_while_it_waited_is_not_sent(
    desk: Desk, change: dict[str, Any], refused: bool
) -> None:
    order = desk.order()
    desk.progress = desk.progress.model_copy(update=change)
    await desk.store()
    if refused:
        assert (await desk.send(order)).state == "refused"
    else:
        with pytest.raises(ApplicationError, match="at the moment") as raised:
            await desk.send(order)
        assert not raised.value.non_retryable
    assert desk.server.commands == []


async def test_no_database_session_is_open_while_the_server_is_spoken_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_now, seen = 0, []
    transaction, send = desk.database.transaction, desk.activities._post.mailer.send

    @asynccontextmanager
    async def counted() -> AsyncIterator[AsyncSession]:
        nonlocal open_now
        open_now += 1
        async with transaction() as session:
            yield session
        open_now -= 1

    async def watched(*args: Any) -> str:
        seen.append(open_now)
        return await send(*args)

    monkeypatch.setattr(desk.database, "transaction", counted)
    monkeypatch.setattr(desk.activities._post.mailer, "send", watched)
    await desk.send()
    assert seen == [0]


async def test_an_onboarding_that_does_not_exist_is_not_retried(desk: Desk) -> None:
    mail = SendMail(onboarding_id="onb_none", order=desk.order())
    with pytest.raises(ApplicationError) as raised:
        await ActivityEnvironment().run(desk.activities.send_mail, mail)
    assert raised.value.non_retryable


async def _killed(*_: Any) -> MailRow:
    raise Killed
