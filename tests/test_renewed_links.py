"""“Send me a new link”: only to the address that is known, not more than once in ten minutes, and it tells nobody anything."""

import asyncio
from email.message import EmailMessage

import httpx2
import pytest

from adapters.temporal import Temporal
from domain.errors import Unavailable
from tests.stack import Stack, link_in
from tests.test_journey import Journey
from tests.test_signed_links import PAGE, YES, at_settings, contents, edit_link, events, quiet

ELEVEN_MINUTES_AGO = "created_at = created_at - interval '11 minutes'"


async def renew(stack: Stack, link: str) -> httpx2.Response:
    answer = await stack.anybody.post(f"{link}/renew")
    assert answer.status_code == 202, answer.text
    return answer


async def mails_of(stack: Stack, journey: Journey, step: str) -> list[EmailMessage]:
    """The step's mails so far, after what was ordered by now is out."""
    ordered = await stack.call("GET", f"/onboardings/{journey.id}/mails")
    assert {mail["state"] for mail in ordered["items"]} == {"sent"}
    ids = [mail["message_id"] for mail in ordered["items"] if mail["step"] == step]
    return [mail for mail in stack.mails.all() if mail["Message-ID"] in ids]


async def test_a_new_link_goes_to_the_known_address_and_ends_the_old_one(stack: Stack) -> None:
    journey, old = await at_settings(stack)
    await edit_link(stack, old, f"expires_at = now(), {ELEVEN_MINUTES_AGO}")
    (first,) = await journey.mails_of("settings", 1)
    everybody = len(stack.mails.all())
    await renew(stack, old)
    second = (await journey.mails_of("settings", 2))[-1]
    assert second.get_all("X-Envelope-To") == first.get_all("X-Envelope-To")
    assert len(stack.mails.all()) == everybody + 1
    assert link_in(second) != old
    assert (await stack.anybody.get(old)).status_code == 410
    assert (await stack.anybody.post(link_in(second), json=YES)).status_code == 200


async def test_asking_again_and_again_sends_nothing_more_for_ten_minutes(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await quiet(stack, journey, 3)
    before = await contents(stack)
    for _ in range(5):
        await renew(stack, link)  # it was sent a moment ago
    assert await contents(stack) == before
    await edit_link(stack, link, ELEVEN_MINUTES_AGO)
    for _ in range(5):
        await renew(stack, link)
    newer = link_in((await journey.mails_of("settings", 2))[-1])
    await quiet(stack, journey, 4)
    before = await contents(stack)
    for _ in range(5):
        await renew(stack, link)
        await renew(stack, newer)
    assert await contents(stack) == before
    assert len(await mails_of(stack, journey, "settings")) == 2


async def test_several_old_links_of_one_person_bring_one_mail_in_ten_minutes(stack: Stack) -> None:
    journey, first = await at_settings(stack)
    await stack.call("POST", f"/onboardings/{journey.id}/steps/settings/remind", json={})
    second = link_in((await journey.mails_of("settings", 2))[-1])
    for link in (first, second):
        await edit_link(stack, link, ELEVEN_MINUTES_AGO)
    await asyncio.gather(renew(stack, second), renew(stack, first))
    await journey.mails_of("settings", 3)
    await quiet(stack, journey, 5)
    await renew(stack, first)
    assert len(await events(stack, journey, "step.remind")) == 2
    assert len(await mails_of(stack, journey, "settings")) == 3


async def test_one_partys_new_link_leaves_the_other_party_alone(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await stack.anybody.post(link, json=YES)
    invitations = {
        mail["To"].addresses[0].addr_spec: mail for mail in await journey.mails_of("joint_test", 2)
    }
    ours = link_in(invitations.pop("contact@armonia.example"))
    ((partner, theirs),) = invitations.items()
    await edit_link(stack, ours, ELEVEN_MINUTES_AGO)
    await quiet(stack, journey, 5)
    before = len(stack.mails.to(partner))
    await renew(stack, ours)
    await stack.mail_to("contact@armonia.example", len(stack.mails.to("contact@armonia.example")) + 1)
    await stack.until(lambda: events(stack, journey, "mail.sent"), lambda sent: len(sent) >= 6)
    assert len(stack.mails.to(partner)) == before
    assert (await stack.anybody.get(link_in(theirs))).status_code == 200


@pytest.mark.parametrize("headers", [PAGE, {}], ids=["page", "program"])
async def test_the_answer_does_not_tell_whether_there_was_such_a_link(
    stack: Stack, headers: dict[str, str]
) -> None:
    journey, link = await at_settings(stack)
    await edit_link(stack, link, ELEVEN_MINUTES_AGO)
    unknown = f"/l/{stack.app.state.context.links.token('lnk_unknown')}"
    mails = len(stack.mails.all())
    answers = [
        await stack.anybody.post(f"{path}/renew", headers=headers) for path in (unknown, "/l/x", f"{link}x")
    ]
    assert len(stack.mails.all()) == mails
    answers.append(await stack.anybody.post(f"{link}/renew", headers=headers))
    await journey.mails_of("settings", 2)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text.split("nonce")[0] for answer in answers}) == 1


async def test_where_the_matter_is_paused_the_answer_does_not_promise_a_link_and_looks_as_ever(
    stack: Stack,
) -> None:
    journey, link = await at_settings(stack)
    await quiet(stack, journey, 3)
    await edit_link(stack, link, f"expires_at = now(), {ELEVEN_MINUTES_AGO}")
    await stack.call("POST", f"/onboardings/{journey.id}/hold", json={"reason": "The clinic moves."})
    unknown = f"/l/{stack.app.state.context.links.token('lnk_unknown')}"
    before = await contents(stack)
    for path in ("", "/renew"):
        for headers in (PAGE, {}):
            method = "POST" if path else "GET"
            answers = [
                await stack.anybody.request(method, f"{one}{path}", headers=headers)
                for one in (link, unknown)
            ]
            texts = {
                answer.text.replace(one, "/l/…").split("nonce")[0]
                for one, answer in zip((link, unknown), answers, strict=True)
            }
            assert len(texts) == 1
            assert "If the matter is paused, no new link is sent: try again later." in answers[0].text
    assert await contents(stack) == before


async def test_nothing_is_promised_while_nothing_can_be_sent(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, link = await at_settings(stack)
    await edit_link(stack, link, ELEVEN_MINUTES_AGO)

    async def away(*_: object) -> None:
        raise Unavailable(
            "Temporal does not answer.", mend="Try again in a moment.", code="temporal-unavailable"
        )

    monkeypatch.setattr(Temporal, "must_answer", away)
    monkeypatch.setattr(Temporal, "command", away)
    for path in (link, "/l/unknown"):
        answer = await stack.anybody.post(f"{path}/renew")
        assert (answer.status_code, answer.json()["code"]) == (503, "temporal-unavailable")


async def test_a_link_to_what_is_over_brings_no_mail(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    assert (await stack.anybody.post(link, json=YES)).status_code == 200
    await journey.mails_of("joint_test", 2)
    await quiet(stack, journey, 5)
    await edit_link(stack, link, ELEVEN_MINUTES_AGO)
    before = await contents(stack)
    await renew(stack, link)
    assert await contents(stack) == before
