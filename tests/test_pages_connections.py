"""Live connections on the pages: how they stand, what differs, what waits, what can be done; nothing says otherwise than the API (R14–R17)."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, async_playwright, expect

from adapters.database.connection_tables import ConnectionRow
from domain.model import LANGUAGES
from tests.chromium import CHROMIUM, Scheme, opened, served
from tests.connections import Live, go_live
from tests.partners_sandbox import Sandbox, endpoints
from tests.stack import PDF, Stack
from tests.test_sandbox import Process
from tests.visitor import Visitor, sign_in, visiting

LOOK = "Show what this would change"
DESK, PHONE = 1280, 390
EVIDENCE = {
    "evidence.document": "Call with Global Assistance",
    "evidence.date": "2026-02-27",
    "on_behalf_of.name": "Mihai Pop",
}


@pytest.fixture
def more_settings(sandbox_running: Process) -> dict[str, Any]:
    return endpoints(sandbox_running)


@pytest.fixture
async def ana(idle_stack: Stack) -> AsyncIterator[Visitor]:
    """An account manager, signed in."""
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor)
        yield visitor


def words_of(page: str) -> str:
    """What the page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2]))


class Seen:
    """A live connection as the API tells it."""

    def __init__(self, stack: Stack, live: Live) -> None:
        self.stack, self.live = stack, live
        self.page = f"/connections/{live.connection_id}"
        self.channel = f"/providers/{live.provider_id}/channels/{live.playbook.slug}"

    async def get(self, part: str = "") -> Any:
        return await self.stack.call("GET", f"{self.page}{part}")

    async def until(self, **wanted: Any) -> Any:
        return await self.stack.until(
            self.get, lambda seen: all(seen[name] == value for name, value in wanted.items())
        )

    async def in_step(self) -> Any:
        """Until the partner has all that is bookable."""

        def holds(seen: Any) -> bool:
            return seen["counts"]["acknowledged"] == len(self.live.service_ids) and not seen["delivery"]

        return await self.stack.until(self.get, holds)

    async def refused(self) -> Any:
        """Until a delivery was tried in vain."""
        return await self.stack.until(self.get, lambda seen: seen["delivery"] and seen["delivery"]["verdict"])

    async def price(self, amount: str) -> None:
        prices = [{"service_id": id, "amount": amount, "currency": "RON"} for id in self.live.service_ids]
        await self.stack.call("PUT", f"{self.channel}/prices", json={"prices": prices})

    async def disable(self) -> None:
        await self.stack.call("PATCH", self.channel, json={"enabled": False})


async def begun(stack: Stack, slug: str = "generali") -> Seen:
    seen = Seen(stack, await go_live(stack.database, slug))
    await seen.in_step()
    return seen


async def drifting(stack: Stack, sandbox: Sandbox) -> Seen:
    """A price was changed while the partner's system was down."""
    seen = await begun(stack)
    await sandbox.order("generali", "behave", mode="fail", status=503)
    await seen.price("120.00")
    await seen.refused()
    return seen


async def noticed(stack: Stack) -> Seen:
    """A price edit of which the partner was told by e-mail."""
    seen = await begun(stack, "global-assistance")
    await seen.price("120.00")

    async def sent() -> Any:
        return (await seen.get("/notices"))["items"]

    await stack.until(sent, lambda items: [one["state"] for one in items] == ["sent"])
    return seen


async def test_what_differs_and_what_is_tried_again_is_said_in_words(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    seen = await drifting(stack, sandbox)
    page = words_of(await ana.see(seen.page))
    assert page.count("Price: theirs 100.00 RON, ours 120.00 RON.") == 2
    assert "The partner’s system: it answered 503" in page
    assert "tries: " in page
    assert "The next try" in page
    listed = words_of(await ana.see("/connections?drift=yes&q=sfânta"))
    assert "2 differ at the partner" in listed
    assert "Partner’s system silent since" in listed
    assert "Waiting on the partner" in listed
    assert "No connection fits these filters." in await ana.see("/connections?drift=no")


async def test_the_list_is_filtered_by_status_and_partner(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    seen = await begun(stack)
    assert seen.page in await ana.see("/connections?status=active&partner=generali")
    for query in ("status=paused", "partner=europ-assistance", "q=nobody"):
        assert seen.page not in await ana.see(f"/connections?{query}")
    assert f'href="{seen.page}"' in await ana.see(f"/onboardings/{seen.live.onboarding_id}")


async def test_of_many_connections_a_page_shows_some_and_the_next_page_the_others(
    idle_stack: Stack, ana: Visitor
) -> None:
    lives = [await go_live(idle_stack.database, "generali", services=1) for _ in range(26)]
    first = await ana.see("/connections")
    found = re.search(r'href="(/connections\?cursor=[^"]+)"', first)
    assert found is not None
    second = await ana.see(found[1].replace("&amp;", "&"))
    shown = [set(re.findall(r'href="/connections/(con_\w+)"', page)) for page in (first, second)]
    assert [len(ids) for ids in shown] == [25, 1]
    assert shown[0] | shown[1] == {live.connection_id for live in lives}


async def test_a_connection_is_paused_told_everything_again_and_resumed_from_its_page(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    seen = await begun(stack)
    page = await ana.see(seen.page)
    answer = await ana.send(page, "form-all-send-all", reason="They lost their data")
    assert "Done." in answer.text
    answer = await ana.send(page, "form-all-pause", reason="Their move to a new system")
    assert (await seen.get())["status"] == "paused"
    said = words_of(answer.text)
    assert "Nothing is sent to the partner until it is resumed." in said
    assert "Their move to a new system" in said
    again = await ana.send(page, "form-all-pause", reason="Their move to a new system")
    assert "Done." in again.text, "a second click is told what became of the first"
    assert "The connection is paused" in words_of(await ana.see("/tasks"))
    await ana.send(answer.text, "form-all-resume", reason="They are back")
    assert (await seen.get())["status"] == "active"
    history = words_of(await ana.see(f"{seen.page}/history"))
    for sentence in (
        "Ana Pop had everything sent again.",
        "Ana Pop paused the connection.",
        "Ana Pop resumed the connection.",
    ):
        assert sentence in history


async def test_a_form_without_its_reason_keeps_the_page_and_says_so(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    seen = await begun(stack)
    answer = await ana.send(await ana.see(seen.page), "form-all-pause", reason="")
    assert answer.status_code == 422
    assert "Some fields need another look." in answer.text
    assert (await seen.get())["status"] == "active"


async def test_the_end_is_shown_before_it_is_made_and_proved_after_it(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    """R17, while the partner is down, and when it is back."""
    seen = await begun(stack)
    page = await ana.see(seen.page)
    button = ">End the connection</button>"
    assert button not in page, "what it would lead to is looked at first"
    looked = await ana.send(page, "form-all-end", _preview="1")
    assert "2 services would no longer be bookable" in words_of(looked.text)
    assert "A mail says so to each of them" in looked.text
    assert button in looked.text
    assert (await seen.get())["status"] == "active"
    await sandbox.order("generali", "behave", mode="fail", status=503)
    await ana.send(looked.text, "form-all-end")
    await seen.refused()
    page = words_of(await ana.see(seen.page))
    assert "We say closed, they may not know" in page
    assert "The same at the partner" not in await ana.see("/connections")
    assert "The channel’s permission was taken away. By Ana Pop." in page
    assert "Closed here; the partner may not know yet" in await ana.see("/tasks?waiting_on=partner")
    assert "form-all-" not in await ana.see(seen.page)


async def test_the_proof_of_an_end_is_told_in_words(stack: Stack, sandbox: Sandbox, ana: Visitor) -> None:
    """R17."""
    seen = await begun(stack)
    await seen.disable()
    ended = await seen.until(status="ended")
    assert ended["proof"]["known"]
    page = words_of(await ana.see(seen.page))
    assert re.search(r"The partner’s system confirmed on .+ that it offers nothing\.", page)
    onboarding = words_of(await ana.see(f"/onboardings/{seen.live.onboarding_id}"))
    assert "The connection that it led to Ended" in onboarding
    assert "can be booked at the partner since" not in onboarding


async def test_an_end_that_the_partner_does_not_prove_is_said_and_closed_on_its_word(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    """R17."""
    seen = await begun(stack)
    await sandbox.order("generali", "behave", mode="mute", status=401)
    await seen.disable()
    await stack.until(seen.get, lambda one: bool(one["comparison"]))
    page = await ana.see(seen.page)
    said = words_of(page)
    assert "the partner does not say what it still holds: it answered 401" in said
    assert "The partner’s system was asked what it holds, and did not say. it answered 401" in said
    bare = await ana.send(page, "form-all-confirm-end", **EVIDENCE)
    assert "needs a file that shows it" in words_of(bare.text)
    files = {"evidence.file": ("letter.pdf", PDF)}
    answer = await ana.send(bare.text, "form-all-confirm-end", files, **EVIDENCE)
    said = words_of(answer.text)
    assert "Mihai Pop said for the partner that it offers nothing any more; Ana Pop recorded it on" in said
    assert "Ana Pop recorded that Mihai Pop confirmed the end for the partner: it is closed." in said
    href = re.search(r'href="(/api/v1/onboardings/\w+/evidence/\w+)"', answer.text)
    assert href is not None
    assert (await ana.http.get(href[1])).content == PDF
    assert (await seen.get())["status"] == "ended"


async def test_a_partner_that_does_not_say_what_it_holds_is_shown_so_while_all_goes_well(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    seen = await begun(stack)
    comparison = {"known": False, "held": 0, "detail": "it answered 401", "since": "2026-03-12T08:00:00Z"}
    async with stack.database.transaction() as session:
        (await session.get_one(ConnectionRow, seen.live.connection_id)).comparison = comparison
    page = words_of(await ana.see(seen.page))
    assert re.search(r"the partner’s system has not said so since .+: it answered 401", page)
    assert (await seen.get())["waiting_on"] is None


async def test_a_notice_says_to_whom_it_went_and_is_acknowledged_on_the_partners_behalf(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    """R16."""
    seen = await noticed(stack)
    (notice,) = (await seen.get("/notices"))["items"]
    page = await ana.see(seen.page)
    said = words_of(page)
    assert "Waiting for the partner" in said
    assert seen.live.playbook.contacts[seen.live.playbook.notices_to].email in said
    refused = await ana.send(page, f"form-{notice['id']}-remind")
    assert "The notice was sent less than an hour ago" in refused.text
    assert "100.00 RON → 120.00 RON" in words_of(await ana.see(f"{seen.page}/notices/{notice['id']}"))
    bare = await ana.send(page, f"form-{notice['id']}-acknowledge", **EVIDENCE)
    assert "needs a file that shows it" in words_of(bare.text)
    files = {"evidence.file": ("call.pdf", PDF)}
    answer = await ana.send(bare.text, f"form-{notice['id']}-acknowledge", files, **EVIDENCE)
    assert "Done." in answer.text
    (notice,) = (await seen.get("/notices"))["items"]
    assert notice["state"] == "acknowledged"
    assert "by Mihai Pop, recorded by Ana Pop" in words_of(answer.text)
    href = re.search(r'href="(/api/v1/onboardings/\w+/evidence/\w+)"', answer.text)
    assert href is not None
    assert (await ana.http.get(href[1])).content == PDF
    assert "Ana Pop recorded that Mihai Pop acknowledged notice 1." in words_of(answer.text)


async def test_a_service_that_the_partner_rejected_stands_with_its_reason(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    await sandbox.order("generali", "behave", mode="reject")
    seen = Seen(stack, await go_live(stack.database, "generali"))
    await stack.until(seen.get, lambda one: one["counts"]["rejected"] > 0)
    (rejected, *_) = [one for one in (await seen.get("/services"))["items"] if one["rejection"]]
    page = words_of(await ana.see(seen.page))
    assert f"rejected it: {rejected['rejection']['detail']}" in page
    assert "It is bookable here; the partner does not have it." in page
    assert "The partner&#39;s system rejected services" in await ana.see("/tasks?waiting_on=us")


async def test_what_an_onboarding_took_over_is_said_with_its_source(
    stack: Stack, sandbox: Sandbox, ana: Visitor
) -> None:
    """R17."""
    seen = await begun(stack)
    await seen.disable()
    await seen.until(status="ended")
    wanted = {"provider_id": seen.live.provider_id, "partner": "generali"}
    new = await stack.call("POST", "/onboardings", json=wanted)
    page = await ana.see(f"/onboardings/{new['id']}")
    assert f'href="/onboardings/{seen.live.onboarding_id}"' in page
    assert "The channel’s permission was taken away." in page
    assert "of the declaration still counts." in page
    took = next(one for one in new["steps"] if "carried_over_from" in one["result"])
    assert f"Taken over from it: {took['title']}" in page
    assert f'href="/onboardings/{seen.live.onboarding_id}#step-{took["key"]}"' in page


async def test_readers_without_the_right_are_offered_nothing_and_strangers_see_nothing(
    stack: Stack, sandbox: Sandbox
) -> None:
    seen = await noticed(stack)
    async with visiting(stack) as viewer:
        await sign_in(stack, viewer, "viewer")
        assert "<form" not in (await viewer.see(seen.page)).partition("<main")[2]
        refused = await viewer.http.post(f"{seen.page}/act", data={"_action": "pause", "reason": "x"})
        assert "not offered any more" in refused.text
    other = await go_live(stack.database, "generali")
    async with visiting(stack) as stranger:
        await sign_in(stack, stranger, "provider", other.provider_id)
        for path in ("", "/services", "/deliveries", "/notices", "/history"):
            await stranger.see(f"{seen.page}{path}", expect=404)
        assert seen.page not in await stranger.see("/connections")


async def every_path(stack: Stack, sandbox: Sandbox) -> list[str]:
    """Every page about connections, in every state that looks different."""
    ended = await begun(stack)
    await ended.disable()
    await ended.until(status="ended")
    await sandbox.order("europ-assistance", "behave", mode="reject")
    rejected = Seen(stack, await go_live(stack.database, "europ-assistance"))
    await stack.until(rejected.get, lambda one: one["counts"]["rejected"] > 0)
    told = await noticed(stack)
    down = await drifting(stack, sandbox)
    ending = Seen(stack, await go_live(stack.database, "generali"))
    await ending.refused()
    await ending.disable()
    new = await stack.call(
        "POST", "/onboardings", json={"provider_id": ended.live.provider_id, "partner": "generali"}
    )
    (notice,) = (await told.get("/notices"))["items"]
    return [
        *("/connections", "/connections?q=nobody", "/tasks"),
        *(one.page for one in (ended, rejected, told, down, ending)),
        *(f"{down.page}/{part}" for part in ("services", "services?drift=yes", "deliveries", "history")),
        *(f"{told.page}/notices", f"{told.page}/notices/{notice['id']}"),
        *(f"/onboardings/{id}" for id in (new["id"], down.live.onboarding_id)),
    ]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install one, or name it in CHROMIUM")
async def test_every_page_fits_and_is_accessible_at_the_desk_and_on_the_phone(
    stack: Stack, sandbox: Sandbox, browser: Browser
) -> None:
    paths, problems = await every_path(stack, sandbox), []
    schemes: tuple[tuple[int, Scheme], ...] = ((DESK, "light"), (PHONE, "dark"))
    async with served(stack) as address:
        for width, scheme in schemes:
            async with opened(browser, stack, address, width=width, scheme=scheme) as page:
                for path in paths:
                    await page.goto(path)
                    await page.evaluate(
                        "document.querySelectorAll('main details').forEach((d) => { d.open = true })"
                    )
                    over = await page.evaluate(
                        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    )
                    problems += [f"{path} at {width}: {over} px too wide"] if over > 0 else []
                    found = await Axe().run(page)
                    assert found.response["passes"], "axe looked at nothing"
                    problems += [
                        f"{path} at {width} {scheme}: {one['id']}: {node['html'][:160]}"
                        for one in found.response["violations"]
                        for node in one["nodes"]
                    ]
    assert not problems, "\n".join(problems)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install one, or name it in CHROMIUM")
async def test_in_every_language_the_pages_fit_a_phone(
    stack: Stack, sandbox: Sandbox, browser: Browser
) -> None:
    seen, problems = await drifting(stack, sandbox), []
    async with served(stack) as address:
        for language in LANGUAGES:
            async with opened(browser, stack, address, width=PHONE, locale=language) as page:
                for path in ("/connections", seen.page):
                    await page.goto(path)
                    over = await page.evaluate(
                        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    )
                    problems += [f"{path} in {language}: {over} px too wide"] if over > 0 else []
    assert not problems, "\n".join(problems)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install one, or name it in CHROMIUM")
async def test_without_javascript_a_connection_is_ended_after_a_look(
    stack: Stack, sandbox: Sandbox, browser: Browser
) -> None:
    seen = await begun(stack)
    async with (
        served(stack) as address,
        opened(browser, stack, address, width=PHONE, java_script_enabled=False) as page,
    ):
        await page.goto("/connections")
        await page.get_by_role("link", name="Clinica Sfânta Maria").click()
        await page.locator("#fold-all-end summary").click()
        await page.get_by_role("button", name=LOOK).click()
        await page.get_by_role("button", name="End the connection").click()
        await seen.until(status="ended")
        await page.reload()
        await expect(page.locator("main")).to_contain_text("that it offers nothing")
