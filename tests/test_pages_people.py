"""Account managers on the pages: list, add, change, substitutes, retire; whose an onboarding is, and how it is given."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from adapters.database import assignments, people
from tests.chromium import CHROMIUM, opened, served
from tests.people import ANA, away, begun, hired, seen
from tests.stack import Stack
from tests.visitor import Visitor, sign_in, visiting

LIST = "/account-managers"
EVA = {"name": "Eva Pop", "email": "eva@racord.example", "locale": "de", "time_zone": "Europe/Vienna"}


@pytest.fixture
async def ana(idle_stack: Stack) -> AsyncIterator[Visitor]:
    """A manager, signed in; nothing works in the background."""
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor)
        yield visitor


async def test_somebody_is_added_changed_and_found_in_the_list(idle_stack: Stack, ana: Visitor) -> None:
    lead = await hired(idle_stack.database, "Marta")
    page = await ana.see(LIST)
    assert (await ana.send(page, "form-all-add", **{**EVA, "email": "nowhere"})).status_code == 422
    answer = await ana.send(page, "form-all-add", **EVA, lead_id=lead)
    assert "Done." in answer.text
    here = answer.url.path
    again = await ana.send(answer.text, "form-all-change", name="Eva Popa", lead_id="")
    assert "Eva Popa" in again.text
    async with idle_stack.database.transaction() as session:
        row = await people.one(session, here.rpartition("/")[2])
    assert (row.name, row.lead_id, row.locale) == ("Eva Popa", None, "de")
    assert f'href="{here}">Eva Popa' in await ana.see(LIST)


async def test_a_substitute_is_added_shown_and_taken_away(idle_stack: Stack, ana: Visitor) -> None:
    eva, dan = await hired(idle_stack.database, "Eva"), await hired(idle_stack.database, "Dan")
    today = datetime.now(UTC).date().isoformat()
    typed = {"substitute_id": dan, "first_day": today, "last_day": today, "reason": "On holiday"}
    page = await ana.see(f"{LIST}/{eva}")
    done = await ana.send(page, "form-all-substitute", **typed)
    assert "On holiday" in done.text
    refused = await ana.send(page, "form-all-substitute", **{**typed, "_once": "another"})
    assert refused.status_code == 409
    assert "stands in for Eva" in refused.text
    form = done.text.partition('id="form-sub_')[2].partition('"')[0]
    short = await ana.send(done.text, f"form-sub_{form}", reason="no")
    assert (short.status_code, "-reason-mistake" in short.text) == (422, True)
    gone = await ana.send(short.text, f"form-sub_{form}", reason="She is back.")
    assert "On holiday" in gone.text
    assert "Taken away on" in gone.text
    assert "She is back." in gone.text
    assert f"form-sub_{form}" not in gone.text
    assert "Done." in (await ana.send(done.text, f"form-sub_{form}", reason="She is back.")).text


async def test_retiring_with_open_work_asks_who_takes_it_over(idle_stack: Stack, ana: Visitor) -> None:
    database = idle_stack.database
    eva, dan, onboarding = await hired(database, "Eva"), await hired(database, "Dan"), await begun(database)
    async with database.transaction() as session:
        await assignments.assign(session, onboarding, eva, by=ANA, reason="Hers")
    page = await ana.see(f"{LIST}/{eva}")
    refused = await ana.send(page, "form-all-retire", reason="She left.")
    assert refused.status_code == 409
    assert "Say in “hand_over_to” who takes them over." in refused.text
    done = await ana.send(refused.text, "form-all-retire", hand_over_to=dan, reason="She left.")
    assert "Retired on" in done.text
    assert "<form" not in done.text.partition("<main")[2]
    assert (await seen(database, onboarding)).row.assignee_id == dan
    assert "Eva" not in (await ana.see(LIST)).partition("<table")[2].partition("</table")[0]
    assert "Eva" in (await ana.see(f"{LIST}?retired=yes")).partition("<table")[2]


async def test_unassigned_work_is_seen_and_given_from_the_onboardings_page(
    idle_stack: Stack, ana: Visitor
) -> None:
    database = idle_stack.database
    eva, dan, onboarding = await hired(database, "Eva"), await hired(database, "Dan"), await begun(database)
    assert "1 open onboarding is assigned to nobody" in await ana.see(LIST)
    assert "Nobody is assigned" in (await ana.see("/?assignee=none")).partition("<table")[2]
    page = await ana.see(f"/onboardings/{onboarding}")
    assert "Nobody is assigned" in page
    given = await ana.send(page, "form-all-assign", account_manager_id=eva, reason="She knows them.")
    assert "Ana Pop gave the onboarding to Eva." in given.text
    assert "She knows them." in given.text
    async with database.transaction() as session:
        today = datetime.now(UTC).date()
        await away(session, eva, dan, today)
    assert "Eva, away; today Dan acts" in await ana.see(f"/onboardings/{onboarding}")
    assert "Nothing matches" in await ana.see("/?assignee=none")
    assert "Clinica Armonia" in await ana.see(f"/?assignee={eva}")
    taken = await ana.send(
        given.text, "form-all-assign", account_manager_id="", reason="She is ill.", _once="x"
    )
    assert "Ana Pop took the onboarding away from its account manager." in taken.text


async def test_viewers_see_whose_it_is_and_no_page_of_people(idle_stack: Stack) -> None:
    onboarding = await begun(idle_stack.database)
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor, "viewer")
        page = await visitor.see(f"/onboardings/{onboarding}")
        assert "Nobody is assigned" in page
        assert LIST not in page
        await visitor.see(LIST, 403)


@pytest.mark.skipif(not CHROMIUM, reason="needs a Chromium: set CHROMIUM to its path")
async def test_the_pages_fit_a_phone_and_have_no_accessibility_faults(idle_stack: Stack) -> None:
    database = idle_stack.database
    eva, dan, onboarding = await hired(database, "Eva"), await hired(database, "Dan"), await begun(database)
    async with database.transaction() as session:
        await away(session, eva, dan, datetime.now(UTC).date())
        await assignments.assign(session, onboarding, eva, by=ANA, reason="Hers")
    async with async_playwright() as playwright, served(idle_stack) as address:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        async with opened(browser, idle_stack, address) as page:
            for path in (LIST, f"{LIST}/{eva}", f"/onboardings/{onboarding}", "/"):
                await page.goto(path)
                for width in (780, 390):
                    await page.set_viewport_size({"width": width, "height": 900})
                    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    assert wide <= 0, (path, width)
                found = await Axe().run(page)
                assert found.violations_count == 0, found.generate_report()
        await browser.close()
