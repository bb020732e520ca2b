"""What settles a mark by itself: another message to the same reader, about the same."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ApplicationError

from activities.mail import MailActivities
from adapters.database import bounce_lists, bounces, ledger
from adapters.database.ledger import MailState
from adapters.database.session import Database
from adapters.mail.smtp import Mailer
from adapters.signing import LinkSigner
from domain import progress as engine
from domain.settling import replaced
from tests import delivery_reports as written
from tests.test_bounce_marks import NEW, marks, take
from tests.test_mail_desk import PLAYBOOK, TEAM, Desk, desk_on


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with desk_on(database) as desk:
        await desk.until_settings()
        yield desk


async def test_a_message_to_the_same_reader_that_went_out_since_lifts_the_mark(desk: Desk) -> None:
    sent = await desk.deliver()
    await desk.answer("settings", "remind")
    reminder = desk.order()
    await take(desk.database, written.postfix(sent.message_id, TEAM))
    await _sweep(desk)
    assert [found.row.resolved_at for found in await marks(desk.database)] == [None]
    await desk.send(reminder)
    await _sweep(desk)
    assert [found.row.resolved_at is None for found in await marks(desk.database)] == [False]


async def test_a_report_of_the_old_address_is_settled_by_what_went_to_the_corrected_one_before(
    desk: Desk,
) -> None:
    """Nothing is sent again: it would end the link that its reader just got."""
    invitation = await desk.deliver()
    await desk.answer("settings", "remind")
    reminder = await desk.deliver()
    await take(desk.database, written.postfix(invitation.message_id, TEAM))
    await _sweep(desk)
    assert len(await _open_marks(desk)) == 1, "the reminder went to the same dead address"
    _correct(desk)
    await desk.answer("settings", "remind")
    await desk.deliver()
    await _sweep(desk)
    assert await _open_marks(desk) == []
    await take(desk.database, written.postfix(reminder.message_id, TEAM))
    await _sweep(desk)
    assert await _open_marks(desk) == []


async def test_what_is_on_its_way_to_the_corrected_address_settles_the_mark_of_the_old_one_once_it_is_there(
    desk: Desk,
) -> None:
    """Until then nothing else is sent; should it be refused, it is sent again."""
    invitation = await desk.deliver()
    _correct(desk)
    await desk.answer("settings", "remind")
    desk.server.answers[NEW] = "451 4.7.1 Greylisted, try again later"
    with pytest.raises(ApplicationError):
        await desk.send()
    reminder = (await desk.rows())[-1]
    assert reminder.state == "queued"
    (mark,) = await take(desk.database, written.postfix(invitation.message_id, TEAM))
    async with desk.database.transaction() as session:
        await bounces.told(session, mark, datetime.now(UTC))
    await _sweep(desk)
    assert (await _open_marks(desk), await _to_send_again(desk)) == ([TEAM], [])
    async with desk.database.transaction() as session:
        await ledger.settle(session, reminder.id, MailState.REFUSED, "550 5.7.1 No", datetime.now(UTC))
    await _sweep(desk)
    assert (await _open_marks(desk), await _to_send_again(desk)) == ([TEAM], [TEAM])
    await desk.answer("settings", "remind")
    del desk.server.answers[NEW]
    orders = engine.orders(desk.case, desk.progress)
    await desk.send(next(order for order in orders if order.key != reminder.order_key))
    await _sweep(desk)
    assert await _open_marks(desk) == []


async def test_an_escalation_to_the_corrected_address_settles_nothing(desk: Desk) -> None:
    """A step whose question came back waits on us until that is asked again."""
    invitation = await desk.deliver()
    _correct(desk)
    record = desk.progress.steps["settings"].model_copy(update={"calls": ("team",)})
    desk.progress = replaced(desk.progress, record)
    await desk.store()
    assert desk.order().template == "escalation"
    await desk.deliver()
    await take(desk.database, written.postfix(invitation.message_id, TEAM))
    await _sweep(desk)
    assert len(await _open_marks(desk)) == 1


def _correct(desk: Desk) -> None:
    """The playbook's file names another address from now on."""
    contact = PLAYBOOK.contacts["team"].model_copy(update={"email": NEW})
    corrected = PLAYBOOK.model_copy(update={"contacts": {**PLAYBOOK.contacts, "team": contact}})
    desk.activities = MailActivities(
        desk.database,
        Mailer(desk.settings),
        LinkSigner(desk.settings.secret_keys),
        desk.settings,
        {PLAYBOOK.slug: corrected},
    )


async def _open_marks(desk: Desk) -> list[str]:
    return [found.row.address for found in await marks(desk.database) if found.row.resolved_at is None]


async def _to_send_again(desk: Desk) -> list[str]:
    async with desk.database.transaction() as session:
        return [found.row.address for found in await bounce_lists.unresolved(session)]


async def _sweep(desk: Desk) -> None:
    async with desk.database.transaction() as session:
        await bounces.resolve_what_went_out_since(session, datetime.now(UTC))
