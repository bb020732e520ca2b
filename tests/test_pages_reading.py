"""Reading the pages over HTTP: what is stuck, on whom, since when; in every language and on every clock."""

import re
from collections.abc import AsyncIterator

import pytest

from adapters.settings import Settings
from api.pages import inbox, listing
from domain.model import LANGUAGES
from embedded.temporal import TemporalServer
from tests.stack import Mails, Stack, settings_for
from tests.test_journey import Journey
from tests.visitor import Visitor, sign_in, visiting


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


async def test_without_onboardings_the_list_says_what_to_do(ana: Visitor) -> None:
    page = await ana.see("/")
    assert "No onboarding yet" in page
    assert 'href="/onboardings/new"' in page
    assert "Nothing is waiting" in await ana.see("/tasks")
    assert "No mail yet" in await ana.see("/dev/mail")


async def test_the_list_says_who_is_waited_on_and_filters_with_counts(stack: Stack, ana: Visitor) -> None:
    first = await Journey(stack, "generali").begin()
    second = await Journey(stack, "europ-assistance").begin()
    await second.sign_contract()
    page = await ana.see("/")
    assert page.count("Clinica Armonia") == 2
    assert "Contract with Generali" in page
    assert "0 of 10" in page
    assert "2 of 10" in page
    assert "Waiting on us <b>1</b>" in page
    assert "Waiting on the provider <b>1</b>" in page
    waiting = await ana.see("/?waiting_on=provider")
    assert first.id not in waiting
    assert second.id in waiting
    assert "Generali (0)" in waiting
    assert second.id not in await ana.see("/?partner=generali")
    assert first.id in await ana.see("/?q=armonia")
    assert "Nothing matches" in await ana.see("/?q=100%25")
    assert "Nothing matches" in await ana.see("/?status=live")


async def test_long_lists_are_shown_a_page_at_a_time(
    stack: Stack, ana: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (listing, inbox):
        monkeypatch.setattr(module, "ROWS", 1)
    ids = {(await Journey(stack, partner).begin()).id for partner in ("generali", "europ-assistance")}
    for path in ("/", "/tasks"):
        first = await ana.see(path)
        following = re.search(r'href="([^"]*cursor=[^"]+)"', first)
        assert following, path
        second = await ana.see(following[1].replace("&amp;", "&"))
        seen = [{id for id in ids if id in page} for page in (first, second)]
        assert seen[0] | seen[1] == ids
        assert [len(one) for one in seen] == [1, 1]
        assert "To the beginning" in second


async def test_the_inbox_leads_to_the_step(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    page = await ana.see("/tasks")
    assert f'href="/onboardings/{journey.id}#step-contract"' in page
    assert "Waiting on us <b>1</b>" in page
    assert "Nothing is waiting" in await ana.see("/tasks?waiting_on=partner")
    assert 'id="step-contract"' in await ana.see(f"/onboardings/{journey.id}")


async def test_an_onboarding_is_shown_with_its_diagram_and_every_step(
    idle_stack: Stack, ana: Visitor
) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    page = await ana.see(f"/onboardings/{journey.id}")
    for step in (await journey.see())["steps"]:
        assert f'href="#step-{step["key"]}"' in page
        assert f'id="step-{step["key"]}"' in page
    assert 'aria-label="Contract with Generali: Waiting on us"' in page
    assert "Ana Pop started" not in page
    assert "tests started the onboarding." in page


async def test_pages_speak_every_language(idle_stack: Stack, ana: Visitor) -> None:
    journey = await Journey(idle_stack, "global-assistance").begin()
    for language in LANGUAGES:
        for path in ("/", "/tasks", "/onboardings/new", f"/onboardings/{journey.id}", "/login", "/dev/mail"):
            page = await ana.see(path, headers={"accept-language": language})
            assert f'<html lang="{language}">' in page
    assert "Încheierea contractului" in await ana.see(
        f"/onboardings/{journey.id}", headers={"accept-language": "ro"}
    )


async def test_the_chosen_language_stays_and_leads_back_to_this_site_only(ana: Visitor) -> None:
    answer = await ana.http.post(
        "/language", data={"language": "de", "back": "/tasks?waiting_on=us"}, follow_redirects=False
    )
    assert answer.headers["location"] == "/tasks?waiting_on=us"
    assert '<html lang="de">' in await ana.see("/")
    for foreign in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
    ):
        answer = await ana.http.post(
            "/language", data={"language": "en", "back": foreign}, follow_redirects=False
        )
        assert answer.headers["location"] == "/", foreign


async def test_times_are_told_on_the_readers_clock(idle_stack: Stack, ana: Visitor) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    assert "(UTC)" in await ana.see(f"/onboardings/{journey.id}")
    for zone, shown in (
        ("Europe/Bucharest", "(Bucharest)"),
        ("../../etc/passwd", "(UTC)"),
        ("Nowhere/At", "(UTC)"),
    ):
        ana.http.cookies.set("racord_zone", zone)
        assert shown in await ana.see(f"/onboardings/{journey.id}"), zone
