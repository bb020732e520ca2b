"""Acting on the pages without JavaScript: forms are filled in, sent, refused and sent again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.settings import Settings
from embedded.temporal import TemporalServer
from tests.stack import PDF, Mails, Stack, settings_for
from tests.test_journey import Journey
from tests.test_meeting_mails import DESK, at_the_test, came
from tests.visitor import Controls, Visitor, sign_in, visiting

CONTRACT = {"evidence.document": "Contract 118/2026", "evidence.date": "2026-02-27"}


@pytest.fixture
def settings(postgres_url: str, temporal_server: TemporalServer, mails: Mails) -> Settings:
    return settings_for(postgres_url, temporal_server.address, mails.port, mail_dir=mails.folder)


@pytest.fixture
async def anybody(idle_stack: Stack) -> AsyncIterator[Visitor]:
    async with visiting(idle_stack) as visitor:
        yield visitor


@pytest.fixture
async def ana(idle_stack: Stack, anybody: Visitor) -> Visitor:
    """An account manager, signed in."""
    await sign_in(idle_stack, anybody)
    return anybody


async def test_a_provider_is_taken_to_the_partner_by_forms_alone(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    path = f"/onboardings/{journey.id}"

    async def act(step: str, action: str, **typed: str | list[str]) -> str:
        await stack.step(journey.id, step, "waiting", "stale")
        answer = await ana.send(await ana.see(path), f"form-{step}-{action}", **typed)
        assert answer.status_code == 200, answer.text
        await stack.step(journey.id, step, "done")
        return answer.text

    assert "Done." in await act("contract", "complete", **CONTRACT, note="Signed in Cluj")
    assert "Saved." in await act("channel", "enable_channel")
    await act("services", "publish_services")
    await act("prices", "set_prices", **{"prices.0.amount": "120,50", "prices.1.amount": "99"})
    assert "Consent to the transmission of data" in await ana.see(path)
    accepted = {
        "accepted_by.name": "Ioana Mureșan",
        "accepted_by.role": "Administrator",
        "accepted_by.email": "ioana@armonia.example",
    }
    await act("consent", "accept_consent", **accepted)
    await stack.step(journey.id, "settings", "waiting")
    page = await ana.see(path)
    assert "Ana Pop completed “Contract with Generali”." in page
    assert "Contract 118/2026, 27 February 2026 · Signed in Cluj" in page
    assert "suport@programari.example" in page
    assert "Waiting on the partner" in page
    priced = (await stack.call("GET", f"{journey.channel}/prices"))["prices"]
    assert sorted(row["amount"] for row in priced) == ["120.50", "99.00"]


async def test_what_was_refused_is_shown_at_its_field_and_what_was_typed_is_kept(
    stack: Stack, ana: Visitor
) -> None:
    journey = await Journey(stack, "generali").begin()
    path = f"/onboardings/{journey.id}"
    typed = {"evidence.date": "2026-02-27", "note": "kept <as> typed", "on_behalf_of.name": "Dr. Pop"}
    answer = await ana.send(await ana.see(path), "form-contract-complete", **typed)
    assert answer.status_code == 422
    form = Controls("form-contract-complete")
    form.feed(answer.text)
    assert dict(form.items)["note"] == "kept <as> typed"
    wrong = {got["name"] for _, got in form.tags if got.get("aria-invalid")}
    assert wrong == {"evidence.document", "on_behalf_of.party"}
    future = await ana.send(
        answer.text,
        "form-contract-complete",
        **{**CONTRACT, "on_behalf_of.name": "", "evidence.date": "2031-01-01"},
    )
    assert "lies in the future" in future.text
    assert (await journey.see())["steps"][0]["state"] == "waiting"


ON_BEHALF = {**CONTRACT, "on_behalf_of.party": "provider", "on_behalf_of.name": "Dr. Pop"}


async def test_evidence_is_uploaded_with_the_form_and_kept_where_something_else_is_wrong(
    stack: Stack, ana: Visitor
) -> None:
    """One submit, no id typed by anybody; the file need not be chosen again."""
    journey = await Journey(stack, "generali").begin()
    page, form = await ana.see(f"/onboardings/{journey.id}"), "form-contract-complete"
    assert 'enctype="multipart/form-data" id="form-contract-complete"' in page
    bare = await ana.send(page, form, **ON_BEHALF)
    assert (bare.status_code, "needs a file that shows it" in bare.text) == (422, True)
    script = await ana.send(bare.text, form, {"evidence.file": ("a.pdf", b"#!/bin/sh")}, **ON_BEHALF)
    assert (script.status_code, "is not a PDF" in script.text) == (422, True)
    files = {"evidence.file": ("Contract semnat.pdf", PDF)}
    wrong = await ana.send(script.text, form, files, **{**ON_BEHALF, "evidence.date": "2031-01-01"})
    assert (wrong.status_code, "lies in the future" in wrong.text) == (422, True)
    assert "A file is uploaded already." in wrong.text
    done = await ana.send(wrong.text, form, **{"evidence.date": "2026-02-27"})
    assert done.status_code == 200
    assert "Ana Pop added the file “Contract semnat.pdf” as evidence." in done.text
    (kept,) = (await stack.call("GET", f"/onboardings/{journey.id}/evidence"))["items"]
    href = f"/api/v1/onboardings/{journey.id}/evidence/{kept['id']}"
    assert done.text.count(f'href="{href}"') == 3  # at the step, and at two lines of the history
    assert (await ana.http.get(href)).content == PDF
    contract = (await journey.see())["steps"][0]["result"]
    assert contract["evidence"]["file"] == kept["id"]
    assert contract["on_behalf_of"] == {"party": "provider", "name": "Dr. Pop"}


async def test_a_form_with_a_file_sent_twice_keeps_one_file_and_acts_once(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    page, files = await ana.see(f"/onboardings/{journey.id}"), {"evidence.file": ("c.pdf", PDF)}
    for _ in range(2):
        answer = await ana.send(page, "form-contract-complete", files, **ON_BEHALF)
        assert answer.status_code == 200
    events = (await stack.call("GET", f"/onboardings/{journey.id}/events"))["items"]
    kinds = [event["type"] for event in events]
    assert (kinds.count("evidence.added"), kinds.count("step.complete")) == (1, 1)


async def test_a_double_click_acts_once_and_both_answers_are_good(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    page = await ana.see(f"/onboardings/{journey.id}")
    answers = await asyncio.gather(*(ana.send(page, "form-contract-complete", **CONTRACT) for _ in range(2)))
    later = await ana.send(page, "form-contract-complete", **CONTRACT)
    assert [answer.status_code for answer in (*answers, later)] == [200, 200, 200]
    events = (await stack.call("GET", f"/onboardings/{journey.id}/events"))["items"]
    assert [event["type"] for event in events].count("step.complete") == 1


async def test_a_new_calendar_sent_twice_is_one_calendar(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "global-assistance").begin()
    await journey.sign_contract()
    await stack.step(journey.id, "calendars", "waiting")
    page = await ana.see(f"/onboardings/{journey.id}")
    hours = {"weekly_hours.0.day": "mon", "weekly_hours.0.from": "09:00", "weekly_hours.0.to": "17:00"}
    typed = {"physician": "Dr. Ana Ionescu", **hours}
    answers = await asyncio.gather(
        *(ana.send(page, "form-calendars-put_calendar", **typed) for _ in range(2))
    )
    assert {answer.status_code for answer in answers} == {200}
    calendars = (await stack.call("GET", f"/providers/{journey.provider}/calendars"))["items"]
    assert [(one["physician"], len(one["weekly_hours"]), len(one["service_ids"])) for one in calendars] == [
        ("Dr. Ana Ionescu", 1, 2)
    ]


async def test_a_form_of_yesterday_is_told_that_things_moved_on(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    page = await ana.see(f"/onboardings/{journey.id}")
    await journey.sign_contract()
    answer = await ana.send(page, "form-contract-complete", **CONTRACT)
    assert answer.status_code == 409
    assert "is not offered any more" in answer.text


async def test_an_onboarding_is_started_once_and_a_second_leads_to_the_first(
    stack: Stack, ana: Visitor
) -> None:
    other = await Journey(stack, "generali").begin()
    page = await ana.see("/onboardings/new")
    chosen = {"provider_id": other.provider, "partner": "europ-assistance"}
    first, again = await asyncio.gather(*(ana.send(page, "form-start", **chosen) for _ in range(2)))
    assert str(first.url.path).startswith("/onboardings/onb_")
    assert "The onboarding has started." in first.text
    assert again.url.path == first.url.path
    refused = await ana.send(
        await ana.see("/onboardings/new"), "form-start", **{**chosen, "partner": "generali"}
    )
    assert refused.status_code == 409
    assert f'href="/onboardings/{other.id}"' in refused.text
    empty = await ana.send(await ana.see("/onboardings/new"), "form-start")
    assert empty.status_code == 422
    assert empty.text.count("It is missing.") == 2


async def test_an_onboarding_is_held_resumed_and_cancelled_with_a_reason(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    path = f"/onboardings/{journey.id}"
    held = await ana.send(await ana.see(path), "form-all-hold", reason="The clinic moves house")
    assert "On hold" in held.text
    assert "The clinic moves house" in held.text
    assert "form-contract-complete" not in held.text
    assert "Once it is resumed:" in held.text, "nobody is waited on now"
    resumed = await ana.send(held.text, "form-all-resume", reason="They are back")
    assert "form-contract-complete" in resumed.text
    assert "Once it is resumed:" not in resumed.text
    short = await ana.send(resumed.text, "form-all-cancel", reason="no")
    assert short.status_code == 422
    cancelled = await ana.send(short.text, "form-all-cancel", reason="They changed their mind")
    assert "Cancelled" in cancelled.text
    assert "Ana Pop cancelled the onboarding." in cancelled.text


async def test_reopening_shows_beforehand_what_it_undoes(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    page = await ana.see(f"/onboardings/{journey.id}")
    assert "These steps depend on it and wait until it is done again: Intent to connect, " in page
    answer = await ana.send(page, "form-contract-reopen", reason="The wrong contract")
    assert answer.status_code == 200
    seen = await journey.see()
    assert (seen["steps"][0]["state"], seen["steps"][0]["attempt"]) == ("stale", 2)


async def test_a_meeting_that_only_the_account_manager_did_not_hear_of_is_told_again_from_the_page(
    stack: Stack, ana: Visitor
) -> None:
    journey = await at_the_test(stack)
    path = f"/onboardings/{journey.id}"
    stack.mails.refusals[DESK] = "550 5.1.1 nobody here"
    step = f"{path}/steps/joint_test"
    first = (await stack.call("GET", f"{step}/meeting-times"))["items"][0]
    await stack.call(
        "POST", f"{step}/arrange_meeting", json={"starts_at": first["starts_at"], "place": "Room 1"}
    )

    async def states() -> list[str]:
        sent = (await stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"]
        return sorted(row["state"] for row in sent if row["template"] == "meeting")

    await stack.until(states, lambda seen: seen == ["refused", "sent", "sent"])
    stack.mails.refusals.clear()
    page = await stack.until(lambda: ana.see(path), lambda page: "did not get the message" in page)
    told = await ana.send(page, "form-joint_test-tell_us")
    assert "Done." in told.text
    assert "did not get the message" not in told.text
    await came(journey, DESK, 1)
    assert await states() == ["refused", "sent", "sent", "sent"]


async def test_a_viewer_sees_everything_and_is_offered_nothing(stack: Stack, anybody: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    await sign_in(stack, anybody, role="viewer")
    page = await anybody.see(f"/onboardings/{journey.id}")
    assert "Contract with Generali" in page
    assert 'id="form-' not in page
    assert "/onboardings/new" not in await anybody.see("/")
    await anybody.see("/onboardings/new", expect=403)
    answer = await anybody.http.post(
        f"/onboardings/{journey.id}/act", data={"_step": "contract", "_action": "complete", **CONTRACT}
    )
    assert answer.status_code == 409
    assert (await journey.see())["steps"][0]["state"] == "waiting"


async def test_a_providers_own_staff_see_their_provider_and_no_other(stack: Stack, anybody: Visitor) -> None:
    mine = await Journey(stack, "generali").begin()
    other = await Journey(stack, "generali").begin()
    await mine.sign_contract()
    await stack.step(mine.id, "channel", "waiting")
    await sign_in(stack, anybody, role="provider", provider_id=mine.provider)
    page = await anybody.see("/")
    assert mine.id in page
    assert other.id not in page
    assert "Waiting on you <b>1</b>" in page
    assert other.id not in await anybody.see("/tasks")
    await anybody.see(f"/onboardings/{other.id}", expect=404)
    answer = await anybody.send(await anybody.see(f"/onboardings/{mine.id}"), "form-channel-enable_channel")
    assert answer.status_code == 200
    await stack.step(mine.id, "channel", "done")


@pytest.mark.usefixtures("nobody_answers")
async def test_with_nobody_at_work_the_page_says_that_it_is_taken_down(
    idle_stack: Stack, ana: Visitor
) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    answer = await ana.send(await ana.see(f"/onboardings/{journey.id}"), "form-contract-complete", **CONTRACT)
    assert answer.status_code == 200
    assert "nobody is working on it at this moment" in answer.text
    async with idle_stack.working():
        await idle_stack.step(journey.id, "contract", "done")
