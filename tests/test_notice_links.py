"""Links that acknowledge a notice: looking changes nothing, one answer counts, and what is settled is dead (R14, R16)."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text
from temporalio.testing import ActivityEnvironment

from activities.mail import MailActivities
from adapters.database import notices
from adapters.database.connection_tables import ConnectionEventRow, ConnectionServiceRow
from adapters.mail.smtp import Mailer
from adapters.signing import LinkSigner
from domain.connection import ConnectionEvent, NoticeState
from domain.messages import SendNotice
from tests.connections import IOANA, NOW, Live, go_live
from tests.stack import Stack, link_in
from tests.test_renewed_links import ELEVEN_MINUTES_AGO
from tests.test_signed_links import PAGE, Forms, contents, edit_link

PARTNER = "retea-medicala@global-assistance.example"
WHO = {"name": "Mihai Pop", "role": "Catalogue"}
YES = {"action": "complete", **WHO}
NO = {"action": "reject", "reason": "We have no code for it.", **WHO}


async def send(stack: Stack, live: Live, notice_id: str) -> str:
    """Sends the notice; the path of the link in it."""
    signer = LinkSigner([key.get_secret_value() for key in stack.settings.secret_keys])
    known = {live.playbook.slug: live.playbook}
    activities = MailActivities(stack.database, Mailer(stack.settings), signer, stack.settings, known)
    ask = SendNotice(connection_id=live.connection_id, notice_id=notice_id)
    assert (await ActivityEnvironment().run(activities.send_notice, ask)).state == "sent"
    return link_in(stack.mails.to(PARTNER)[-1])


async def prices_told(stack: Stack) -> tuple[Live, str, str]:
    """A notice of one changed price, and its link."""
    live = await go_live(stack.database)
    notice_id = await live.change_prices({live.service_ids[0]: "120.00"})
    return live, notice_id, await send(stack, live, notice_id)


async def service_told(stack: Stack) -> tuple[Live, str, str]:
    """A notice of one new examination, and its link."""
    live = await go_live(stack.database)
    notice_id = await live.ask_for(await live.add_service("NEU"))
    return live, notice_id, await send(stack, live, notice_id)


async def side_of(live: Live, service_id: str) -> ConnectionServiceRow | None:
    async with live.database.transaction() as session:
        return await session.get(ConnectionServiceRow, (live.connection_id, service_id))


async def told(live: Live, type: ConnectionEvent) -> list[ConnectionEventRow]:
    ask = select(ConnectionEventRow).where(ConnectionEventRow.type == type)
    async with live.database.transaction() as session:
        return list(await session.scalars(ask))


async def post(stack: Stack, link: str, body: dict[str, Any]) -> httpx2.Response:
    return await stack.anybody.post(link, json=body)


async def test_a_program_sees_the_notice_and_what_can_be_answered(idle_stack: Stack) -> None:
    _, notice_id, link = await prices_told(idle_stack)
    shown = (await idle_stack.anybody.get(link)).json()
    assert (shown["step"], shown["recipient"]) == (notice_id, "Global Assistance Rețea medicală")
    assert [action["name"] for action in shown["actions"]] == ["complete"]
    assert set(shown["actions"][0]["schema"]["required"]) == {"name", "role"}
    notice = shown["notice"]
    assert (notice["number"], notice["kind"], notice["services"]) == (1, "prices", 1)
    (line,) = notice["lines"]
    assert (line["old"]["amount"], line["new"]["amount"]) == ("100.00", "120.00")


async def test_a_page_says_the_same_and_looking_changes_nothing(idle_stack: Stack) -> None:
    _, _, link = await prices_told(idle_stack)
    before, mails = await contents(idle_stack), len(idle_stack.mails.all())
    page = await idle_stack.anybody.get(link, headers=PAGE)
    for _ in range(20):
        await idle_stack.anybody.get(link, headers=PAGE)
        await idle_stack.anybody.head(link)
    assert page.status_code == 200
    assert ("S00000" in page.text, "120,00\u00a0RON" in page.text) == (True, True)
    assert await contents(idle_stack) == before
    assert len(idle_stack.mails.all()) == mails


async def test_a_page_shows_fifty_of_many_and_the_count(idle_stack: Stack) -> None:
    live = await go_live(idle_stack.database, services=60)
    link = await send(idle_stack, live, await live.change_prices(dict.fromkeys(live.service_ids, "120.00")))
    page = (await idle_stack.anybody.get(link, headers=PAGE)).text
    assert ("S00049" in page, "S00050" in page) == (True, False)
    shown = (await idle_stack.anybody.get(link)).json()["notice"]
    assert (shown["services"], len(shown["lines"])) == (60, 50)


async def test_a_program_that_submits_every_form_untyped_acknowledges_nothing(idle_stack: Stack) -> None:
    _, _, link = await service_told(idle_stack)
    before = await contents(idle_stack)
    forms = Forms((await idle_stack.anybody.get(link, headers=PAGE)).text).forms
    assert len(forms) == 2
    for action, fields in forms:
        for blank in ("", " ", "\t"):
            typed = {name: value or blank for name, value in fields}
            answer = await idle_stack.anybody.post(action or link, data=typed, headers=PAGE)
            assert answer.status_code == 422, answer.text
    assert await contents(idle_stack) == before


@pytest.mark.parametrize(
    "body", [{**YES, "action": "reject"}, {**YES, "action": "remind"}, {"action": "complete"}]
)
async def test_what_the_notice_does_not_offer_is_refused_and_the_link_lives_on(
    idle_stack: Stack, body: dict[str, Any]
) -> None:
    _, _, link = await prices_told(idle_stack)
    assert (await post(idle_stack, link, body)).status_code in (404, 422)
    assert (await post(idle_stack, link, YES)).status_code == 200


async def test_acknowledged_prices_are_known_to_the_partner_with_name_and_role(idle_stack: Stack) -> None:
    """R16."""
    live, notice_id, link = await prices_told(idle_stack)
    answer = await post(idle_stack, link, YES)
    assert (answer.status_code, answer.json()["status"]) == (200, "recorded")
    row, side = await live.notice(notice_id), await side_of(live, live.service_ids[0])
    assert row.state == NoticeState.ACKNOWLEDGED
    assert row.settled_by is not None
    assert (row.settled_by["kind"], row.settled_by["name"], row.settled_by["role"]) == ("link", *WHO.values())
    assert side is not None
    assert side.known_price == {"amount": "120.00", "currency": "RON"}


async def test_a_confirmed_examination_is_admitted_then_and_not_before(idle_stack: Stack) -> None:
    """R14."""
    live, _, link = await service_told(idle_stack)
    assert await side_of(live, live.service_ids[-1]) is None
    page = await idle_stack.anybody.post(link, data=YES, headers=PAGE)
    assert page.status_code == 200
    side = await side_of(live, live.service_ids[-1])
    assert side is not None
    assert side.admitted_at is not None


async def test_forty_answers_at_once_have_one_effect(idle_stack: Stack) -> None:
    live, _, link = await service_told(idle_stack)
    bodies = [YES if number % 2 else NO for number in range(40)]
    answers = await asyncio.gather(*(post(idle_stack, link, body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * 39
    settled = [
        *await told(live, ConnectionEvent.NOTICE_ACKNOWLEDGED),
        *await told(live, ConnectionEvent.NOTICE_REJECTED),
    ]
    assert len(settled) == 1


async def test_a_no_keeps_its_reason_ends_the_link_and_a_fresh_one_comes_with_the_next_attempt(
    idle_stack: Stack,
) -> None:
    live, notice_id, link = await service_told(idle_stack)
    assert (await post(idle_stack, link, NO)).status_code == 200
    row = await live.notice(notice_id)
    assert (row.state, row.reason) == (NoticeState.REJECTED, NO["reason"])
    await edit_link(idle_stack, link, ELEVEN_MINUTES_AGO)
    await idle_stack.anybody.post(f"{link}/renew")  # it is for us to settle first
    assert (await live.notice(notice_id)).state == NoticeState.REJECTED
    async with live.database.transaction() as session:
        found = await notices.locked(session, notice_id)
        assert found is not None
        await notices.again(session, found, IOANA, NOW)
    assert (await idle_stack.anybody.get(link)).status_code == 410
    fresh = await send(idle_stack, live, notice_id)
    assert fresh != link
    assert (await post(idle_stack, fresh, YES)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE notices SET state = 'withdrawn'",
        "UPDATE notices SET state = 'acknowledged'",
        "UPDATE connections SET status = 'ending'",
        "UPDATE links SET expires_at = now()",
    ],
)
async def test_a_link_of_what_is_settled_withdrawn_or_ended_looks_as_dead_as_an_unknown_one(
    idle_stack: Stack, change: str
) -> None:
    _, _, link = await prices_told(idle_stack)
    async with idle_stack.database.transaction() as session:
        await session.execute(text(change))
    unknown = await idle_stack.anybody.get(f"/l/{idle_stack.app.state.context.links.token('lnk_unknown')}")
    for answer in (await idle_stack.anybody.get(link), await post(idle_stack, link, YES)):
        assert (answer.status_code, answer.text) == (410, unknown.text)


async def test_a_new_link_is_sent_at_most_every_ten_minutes_and_ends_the_old_one(idle_stack: Stack) -> None:
    live, notice_id, link = await prices_told(idle_stack)
    assert (await idle_stack.anybody.post(f"{link}/renew")).status_code == 202
    assert (await live.notice(notice_id)).attempt == 1  # one was sent a moment ago
    await edit_link(idle_stack, link, f"expires_at = now(), {ELEVEN_MINUTES_AGO}")
    await asyncio.gather(*(idle_stack.anybody.post(f"{link}/renew") for _ in range(10)))
    row = await live.notice(notice_id)
    assert (row.state, row.attempt) == (NoticeState.WAITING, 2)
    fresh = await send(idle_stack, live, notice_id)
    assert (await idle_stack.anybody.get(link)).status_code == 410
    assert (await post(idle_stack, fresh, YES)).status_code == 200
    assert len(await told(live, ConnectionEvent.NOTICE_REMINDED)) == 1


async def test_until_the_reminder_is_sent_the_first_link_still_counts(idle_stack: Stack) -> None:
    live, notice_id, link = await prices_told(idle_stack)
    await edit_link(idle_stack, link, ELEVEN_MINUTES_AGO)
    await idle_stack.anybody.post(f"{link}/renew")
    assert (await post(idle_stack, link, YES)).status_code == 200
    assert (await live.notice(notice_id)).state == NoticeState.ACKNOWLEDGED


async def test_what_a_person_typed_is_kept_where_something_is_missing(idle_stack: Stack) -> None:
    _, _, link = await service_told(idle_stack)
    typed = {**NO, "reason": ""}
    page = await idle_stack.anybody.post(link, data=typed, headers=PAGE)
    assert page.status_code == 422
    assert WHO["name"] in page.text
