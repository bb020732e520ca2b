"""The pages in a real Chromium, at the desk and on the phone: they fit, speak to everyone, stay up to date, and break no policy."""

import re
from collections.abc import AsyncIterator

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from adapters.settings import Settings
from embedded.temporal import TemporalServer
from tests.chromium import CHROMIUM, Scheme, opened, served
from tests.stack import Mails, Stack, link_in, settings_for
from tests.test_journey import EVIDENCE, Journey
from tests.visitor import login_token

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install one, or name it in CHROMIUM")

DESK, PHONE, SMALLEST = 1440, 390, 360


@pytest.fixture
def settings(postgres_url: str, temporal_server: TemporalServer, mails: Mails) -> Settings:
    return settings_for(postgres_url, temporal_server.address, mails.port, mail_dir=mails.folder)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
async def address(stack: Stack) -> AsyncIterator[str]:
    """Where the working stack is served."""
    async with served(stack) as address:
        yield address


async def begun(stack: Stack) -> dict[str, Journey]:
    """Onboardings at several stages."""
    returned = await Journey(stack, "generali").begin()
    stack.mails.refusals["parteneriate@generali.example"] = "550 5.1.1 nobody here"
    await stack.call("POST", f"/onboardings/{returned.id}/steps/contract/complete", json=EVIDENCE)
    await stack.step(returned.id, "intent", "waiting")
    stack.mails.refusals.clear()
    new = await Journey(stack, "global-assistance").begin()
    side_by_side = await Journey(stack, "europ-assistance").begin()
    await side_by_side.sign_contract()
    await side_by_side.enable()
    await stack.step(side_by_side.id, "prices", "waiting")
    at_partner = await Journey(stack, "generali").begin()
    await at_partner.sign_contract()
    await at_partner.prepare()
    await at_partner.consent()
    await stack.step(at_partner.id, "settings", "waiting")
    return {"returned": returned, "new": new, "side_by_side": side_by_side, "at_partner": at_partner}


async def every_path(stack: Stack) -> list[str]:
    journeys = await begun(stack)
    mails = sorted(stack.mails.folder.glob("*.eml"))
    link = link_in(await journeys["at_partner"].newest_mail("settings"))
    return [
        *(
            "/",
            "/?q=nobody",
            "/tasks",
            "/tasks?waiting_on=us&sort=due",
            "/onboardings/new",
            "/login",
            "/login/unknown",
            f"/nowhere/{'x' * 60}",
            "/l/unknown",
            "/dev/mail",
        ),
        *(f"/onboardings/{journey.id}" for journey in journeys.values()),
        *(f"{journey.channel}/readiness" for journey in journeys.values()),
        f"/dev/mail/{mails[-1].name}",
        link,
    ]


async def unfolded(page: Page) -> None:
    await page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")


async def test_every_page_fits_and_is_accessible_at_the_desk_and_on_the_phone(
    stack: Stack, address: str, browser: Browser
) -> None:
    paths = await every_path(stack)
    schemes: tuple[tuple[int, Scheme], ...] = ((DESK, "light"), (PHONE, "dark"), (SMALLEST, "light"))
    problems = []
    for width, scheme in schemes:
        async with opened(browser, stack, address, width=width, scheme=scheme) as page:
            for path in paths:
                await page.goto(path)
                await unfolded(page)
                over = await page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if over > 0:
                    problems.append(f"{path} at {width}: {over} px too wide")
                if width == SMALLEST:
                    continue
                found = await Axe().run(page)
                assert found.response["passes"], "axe looked at nothing"
                problems += [
                    f"{path} at {width} {scheme}: {one['id']}: {node['html'][:160]}"
                    for one in found.response["violations"]
                    if one["impact"] in ("serious", "critical")
                    for node in one["nodes"]
                ]
    assert not problems, "\n".join(problems)


async def test_a_page_follows_what_happens_elsewhere(stack: Stack, address: str, browser: Browser) -> None:
    journey = await Journey(stack, "generali").begin()
    async with opened(browser, stack, address) as page:
        await page.goto(f"/onboardings/{journey.id}")
        await expect(page.locator(".now")).to_contain_text("Waiting on us")
        await page.wait_for_timeout(300)
        await journey.sign_contract()
        await expect(page.locator(".now")).to_contain_text("Waiting on the provider")
        await expect(page.locator("#part-history")).to_contain_text("tests completed")
        await expect(page.locator("#news")).to_contain_text("brought up to date")


async def test_a_form_that_somebody_is_filling_in_is_left_alone(
    stack: Stack, address: str, browser: Browser
) -> None:
    journey = await Journey(stack, "generali").begin()
    async with opened(browser, stack, address) as page:
        await page.goto(f"/onboardings/{journey.id}")
        document = page.locator("#form-contract-complete [name='evidence.document']")
        await document.fill("Contract 7")
        await journey.sign_contract()
        await expect(page.locator("#card-contract .held")).to_contain_text("while you were typing")
        await expect(document).to_have_value("Contract 7")
        await expect(page.locator(".now")).to_contain_text("Waiting on the provider")


async def test_a_step_is_done_with_the_mouse_and_with_the_keyboard(
    stack: Stack, address: str, browser: Browser
) -> None:
    journey = await Journey(stack, "generali").begin()
    async with opened(browser, stack, address) as page:
        await page.goto("/")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.get_by_role("link", name="Clinica Armonia").click()
        await page.locator(".map-across a").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#step-contract")).to_be_in_viewport()
        form = page.locator("#form-contract-complete")
        await form.get_by_label("Document", exact=False).first.fill("Contract 118/2026")
        await form.get_by_label("Date of the document").fill("2026-02-27")
        await form.get_by_role("button", name="Record it as done").dblclick()
        await expect(page.locator(".said")).to_contain_text("Done.")
        await expect(page).not_to_have_url(re.compile("said="))
    events = (await stack.call("GET", f"/onboardings/{journey.id}/events"))["items"]
    assert [event["type"] for event in events].count("step.complete") == 1


async def test_services_are_ticked_all_or_none_at_once(stack: Stack, address: str, browser: Browser) -> None:
    journey = await Journey(stack, "europ-assistance").begin()
    for n in range(4):
        service = {"code": f"X{n}", "name": f"Service {n}", "duration_minutes": 20}
        await stack.call("POST", f"/providers/{journey.provider}/services", json=service)
    await journey.sign_contract()
    await journey.enable()
    await stack.step(journey.id, "services", "waiting")
    async with opened(browser, stack, address) as page:
        await page.goto(f"/onboardings/{journey.id}")
        boxes = page.locator("#form-services-publish_services input[type=checkbox]")
        ticked = page.locator("#form-services-publish_services input[type=checkbox]:checked")
        await expect(ticked).to_have_count(await boxes.count())
        await page.get_by_role("button", name="Tick none").click()
        await expect(ticked).to_have_count(0)
        await page.get_by_role("button", name="Tick all").click()
        await page.get_by_role("button", name="Publish the ticked services").click()
        await stack.step(journey.id, "services", "done")


async def test_without_javascript_everything_is_there_and_works(
    stack: Stack, address: str, browser: Browser
) -> None:
    journey = await Journey(stack, "generali").begin()
    async with opened(browser, stack, address, width=PHONE, java_script_enabled=False) as page:
        await page.goto(f"/login/{await login_token(stack)}")
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("link", name="Clinica Armonia").click()
        await page.locator(".map-down").get_by_role("link", name="Contract with Generali").click()
        form = page.locator("#form-contract-complete")
        await form.locator("[name='evidence.document']").fill("Contract 118/2026")
        await form.locator("[name='evidence.date']").fill("2026-02-27")
        await form.get_by_role("button", name="Record it as done").click()
        await expect(page.locator(".said")).to_contain_text("Done.")
        await stack.step(journey.id, "intent", "done")
        await page.locator("details.menu summary").click()
        await page.get_by_role("button", name="Română").click()
        await expect(page.locator("html")).to_have_attribute("lang", "ro")


async def test_without_javascript_a_change_is_shown_before_it_is_made(
    stack: Stack, address: str, browser: Browser
) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await stack.step(journey.id, "channel", "waiting")
    async with opened(browser, stack, address, width=PHONE, java_script_enabled=False) as page:
        await page.goto(f"/onboardings/{journey.id}")
        form = page.locator("#form-channel-enable_channel")
        await form.get_by_role("button", name="Show what this would change").click()
        await expect(form.locator(".preview")).to_contain_text("Done by it: Activate the channel")
        assert (await stack.call("GET", journey.channel))["enabled"] is False
        await form.get_by_role("button", name="Enable the channel").click()
        await stack.step(journey.id, "channel", "done")
        await page.get_by_role("link", name="All reasons, service by service").click()
        await page.get_by_role("link", name="Publish the ticked services").first.click()
        await expect(page.locator("#form-all-publish_services")).to_be_visible()


async def test_the_partner_answers_behind_a_link_in_a_browser(
    stack: Stack, address: str, browser: Browser
) -> None:
    journeys = await begun(stack)
    journey = journeys["at_partner"]
    link = link_in(await journey.newest_mail("settings"))
    context = await browser.new_context(viewport={"width": PHONE, "height": 800}, base_url=address)
    page = await context.new_page()
    await page.goto(link)
    button = page.locator("#form-complete button")
    await button.click()
    await stack.step(journey.id, "settings", "waiting")
    await page.locator("#form-complete [name=name]").fill("Mihai Pop")
    await page.locator("#form-complete [name=role]").fill("Integration lead")
    await button.click()
    await expect(page.locator(".done-card h1")).to_be_visible()
    await stack.step(journey.id, "settings", "done")
    again = await page.goto(link)
    assert again is not None
    assert again.status == 410
    await expect(page.locator("script")).to_have_count(0)
    await context.close()


async def test_a_viewer_is_offered_nothing_to_press(stack: Stack, address: str, browser: Browser) -> None:
    journey = await Journey(stack, "generali").begin()
    async with opened(browser, stack, address, role="viewer") as page:
        await page.goto(f"/onboardings/{journey.id}")
        await expect(page.locator(".menu summary")).to_contain_text("Ana Pop")
        await expect(page.locator("main form")).to_have_count(0)
        await expect(page.get_by_role("link", name="New onboarding")).to_have_count(0)
