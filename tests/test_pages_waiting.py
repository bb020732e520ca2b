"""Where the time went, on the pages: a bar, a table beside it, and the forecast in words."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from adapters.i18n import format_day
from domain.commands import Verb
from tests.chromium import CHROMIUM, Scheme, opened, served
from tests.histories import at, until_tested, went_live
from tests.stack import Stack
from tests.test_waiting_api import SPRING, keep, provider, several
from tests.visitor import sign_in, visiting

__all__ = ["provider"]  # a fixture


async def test_the_page_of_an_onboarding_says_where_the_time_went(idle_stack: Stack, provider: str) -> None:
    timed = until_tested(at("2026-03-02 07:00"), 1)
    timed.later(hours=4).steer(Verb.HOLD)
    id = await keep(idle_stack, provider, timed)
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor)
        panel = (await visitor.see(f"/onboardings/{id}")).partition('id="part-waiting"')[2]
    panel = panel.partition("</section>")[0]
    rows = re.findall(r"</svg>([\w ]+)</th><td>([\d.,]+)</td>", panel)
    assert rows[:4] == [("Us", "0.0"), ("Provider", "8.0"), ("Partner", "4.0"), ("Racord", "0.0")]
    assert rows[4][0] == "On hold"
    assert "On hold: the clock stands" in panel
    assert "(Europe/Bucharest)" in panel


async def test_a_forecast_is_told_in_plain_words(idle_stack: Stack, provider: str) -> None:
    id = await keep(idle_stack, provider, until_tested(datetime.now(UTC), 0))
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor)
        assert "too few past onboardings to compare with: 0" in await visitor.see(f"/onboardings/{id}")
        for weeks in range(1, 6):
            await keep(idle_stack, provider, went_live(at("2026-01-05 08:00"), 1, 7 * weeks))
        page = await visitor.see(f"/onboardings/{id}")
        said = await idle_stack.call("GET", f"/onboardings/{id}/forecast")
    assert "Of 5 comparable onboardings with this partner" in page
    assert f"four in five by {format_day(date.fromisoformat(said['late']), 'en')}." in page


async def test_the_page_of_waiting_times_sums_by_partner_and_month(idle_stack: Stack, provider: str) -> None:
    await several(idle_stack, provider)
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor)
        page = await visitor.see("/waiting", params=SPRING)
        one = await visitor.see("/waiting", params={**SPRING, "partner": "europ-assistance"})
        none = await visitor.see("/waiting", params={"from": "2020-01", "until": "2020-02"})
        await visitor.see("/waiting", 422, params={"from": "2026-05", "until": "2026-04"})
        assert 'href="/waiting"' in await visitor.see("/")
    assert rows_of(page) == ["Europ Assistance", "Generali", "April 2026", "March 2026"]
    assert rows_of(one) == ["Europ Assistance", "March 2026"]
    assert "Nothing to count" in none
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor, "provider", provider)
        assert "<td" in await visitor.see("/waiting", params=SPRING)
        assert 'href="/waiting"' not in await visitor.see("/")


def rows_of(page: str) -> list[str]:
    return [name.strip() for name in re.findall(r'scope="row">([^<]+)<svg', page)]


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install one, or name it in CHROMIUM")
async def test_the_panel_and_the_page_fit_and_are_accessible(idle_stack: Stack, provider: str) -> None:
    await several(idle_stack, provider)
    for weeks in range(1, 6):
        await keep(idle_stack, provider, went_live(at("2026-01-05 08:00"), 1, 7 * weeks))
    id = await keep(idle_stack, provider, until_tested(datetime.now(UTC) - timedelta(days=3), 1))
    paths = (f"/onboardings/{id}", "/waiting?from=2026-01&until=2026-06")
    sizes: tuple[tuple[int, Scheme], ...] = ((1440, "light"), (390, "dark"), (360, "light"))
    problems = []
    async with served(idle_stack) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, scheme in sizes:
            async with opened(browser, idle_stack, address, width=width, scheme=scheme) as page:
                for path in paths:
                    await page.goto(path)
                    wide = await page.evaluate("document.documentElement.scrollWidth")
                    problems += [f"{path}: {wide} px at {width}"] if wide > width else []
                    found = (await Axe().run(page)).response
                    assert found["passes"], "axe looked at nothing"
                    problems += [f"{path} at {width}: {one['id']}" for one in found["violations"]]
        await browser.close()
    assert not problems, problems
