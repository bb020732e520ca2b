"""The pages over HTTP as a browser without JavaScript uses them: read, fill in forms, send them."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text, update

from adapters.database.access import create_login_link, hashed
from adapters.database.tables import LoginLinkRow, SessionRow
from adapters.settings import Settings
from api.access import session_cookie
from api.pages import inbox, listing
from domain.model import LANGUAGES
from embedded.temporal import TemporalServer
from tests.stack import Mails, Stack, settings_for
from tests.test_forms import Controls
from tests.test_journey import Journey

HTML = {"accept": "text/html,application/xhtml+xml"}
CONTRACT = {"evidence.document": "Contract 118/2026", "evidence.date": "2026-02-27"}


@pytest.fixture
def settings(postgres_url: str, temporal_server: TemporalServer, mails: Mails) -> Settings:
    return settings_for(postgres_url, temporal_server.address, mails.port, mail_dir=mails.folder)


class Visitor:
    """A browser without JavaScript: keeps cookies, follows redirects, sends forms as they stand on the page."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def see(self, path: str, expect: int = 200, **more: Any) -> str:
        answer = await self.http.get(path, **more)
        assert answer.status_code == expect, f"{path}: {answer.status_code} {answer.text[:2000]}"
        assert answer.headers["content-type"].startswith("text/html")
        return answer.text

    async def send(self, page: str, form_id: str, **typed: str | list[str]) -> httpx2.Response:
        """Sends a form of ``page`` with some of its fields filled in otherwise."""
        items, action = filled(page, form_id, typed)
        return await self.http.post(action, data=items)


def filled(page: str, form_id: str, typed: dict[str, str | list[str]]) -> tuple[dict[str, Any], str]:
    form = Controls(form_id)
    form.feed(page)
    assert form.items, f"there is no form {form_id!r} on the page"
    values: dict[str, Any] = {}
    for name, value in form.items:
        values.setdefault(name, []).append(value)
    return {**values, **typed}, form.action.partition("#")[0]


@asynccontextmanager
async def visiting(stack: Stack, **headers: str) -> AsyncIterator[Visitor]:
    transport = httpx2.ASGITransport(stack.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport,
        base_url=stack.settings.public_url,
        headers={**HTML, **headers},
        follow_redirects=True,
    ) as http:
        yield Visitor(http)


async def login_token(stack: Stack, role: str = "manager") -> str:
    async with stack.database.transaction() as session:
        return await create_login_link(session, "Ana Pop", role, 60)


async def sign_in(
    stack: Stack, visitor: Visitor, role: str = "manager", provider_id: str | None = None
) -> None:
    """By a session of that role, limited to one provider where one is named."""
    token = secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    row = SessionRow(
        token_hash=hashed(token),
        id=f"ses_{token[:8]}",
        name="Ana Pop",
        role=role,
        provider_id=provider_id,
        expires_at=expires_at,
    )
    async with stack.database.transaction() as session:
        session.add(row)
    visitor.http.cookies.set(session_cookie(False), token)


@pytest.fixture
async def anybody(idle_stack: Stack) -> AsyncIterator[Visitor]:
    async with visiting(idle_stack) as visitor:
        yield visitor


@pytest.fixture
async def ana(idle_stack: Stack, anybody: Visitor) -> Visitor:
    """An account manager, signed in."""
    await sign_in(idle_stack, anybody)
    return anybody


# --- signing in ----------------------------------------------------------------------------------------------------


async def test_pages_send_unsigned_visitors_to_the_login_page_and_the_api_does_not(anybody: Visitor) -> None:
    for path in ("/", "/tasks", "/onboardings/new", "/onboardings/onb_1", "/dev/mail"):
        answer = await anybody.http.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
    assert "racord login-link" in await anybody.see("/login")
    refused = await anybody.http.get("/api/v1/onboardings")
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_login_link_is_opened_as_often_as_one_likes_and_used_once(
    idle_stack: Stack, anybody: Visitor
) -> None:
    token = await login_token(idle_stack)
    for _ in range(20):
        await anybody.see(f"/login/{token}")
        await anybody.http.head(f"/login/{token}")
    answer = await anybody.http.post(f"/login/{token}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "Ana Pop" in await anybody.see("/")
    again = await anybody.http.post(f"/login/{token}")
    assert again.status_code == 410


async def test_a_login_link_pressed_forty_times_at_once_opens_one_session(
    idle_stack: Stack, anybody: Visitor
) -> None:
    token = await login_token(idle_stack)
    answers = await asyncio.gather(
        *(anybody.http.post(f"/login/{token}", follow_redirects=False) for _ in range(40))
    )
    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 39


async def test_used_expired_and_unknown_login_links_look_the_same(
    idle_stack: Stack, anybody: Visitor
) -> None:
    expired, used = await login_token(idle_stack), await login_token(idle_stack)
    async with idle_stack.database.transaction() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(
            update(LoginLinkRow).where(LoginLinkRow.token_hash == hashed(expired)).values(expires_at=past)
        )
        await session.execute(
            update(LoginLinkRow).where(LoginLinkRow.token_hash == hashed(used)).values(used_at=past)
        )
    pages = {
        re.sub(r'nonce="[^"]*"', "", (await anybody.http.post(f"/login/{one}")).text)
        for one in (expired, used, "unknown")
    }
    assert len(pages) == 1
    assert "racord login-link" in pages.pop()


async def test_signing_out_ends_the_session_on_the_server(ana: Visitor) -> None:
    kept = dict(ana.http.cookies)
    answer = await ana.http.post("/logout", follow_redirects=False)
    assert answer.headers["location"] == "/login"
    ana.http.cookies.update(kept)
    answer = await ana.http.get("/", follow_redirects=False)
    assert answer.headers["location"] == "/login"


async def test_a_session_over_https_has_a_cookie_bound_to_the_host(postgres_url: str, mails: Mails) -> None:
    assert session_cookie(True).startswith("__Host-")


# --- reading -------------------------------------------------------------------------------------------------------


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


# --- acting --------------------------------------------------------------------------------------------------------


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
    assert again.url.path in (first.url.path, "/onboardings/new")
    refused = await ana.send(
        await ana.see("/onboardings/new"), "form-start", **{**chosen, "partner": "generali"}
    )
    assert refused.status_code == 409
    assert f'href="/onboardings/{other.id}"' in refused.text
    empty = await ana.send(await ana.see("/onboardings/new"), "form-start")
    assert empty.status_code == 422
    assert empty.text.count("Field required") == 2


async def test_an_onboarding_is_held_resumed_and_cancelled_with_a_reason(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    path = f"/onboardings/{journey.id}"
    held = await ana.send(await ana.see(path), "form-all-hold", reason="The clinic moves house")
    assert "On hold" in held.text
    assert "The clinic moves house" in held.text
    assert "form-contract-complete" not in held.text
    resumed = await ana.send(held.text, "form-all-resume", reason="They are back")
    assert "form-contract-complete" in resumed.text
    short = await ana.send(resumed.text, "form-all-cancel", reason="no")
    assert short.status_code == 422
    cancelled = await ana.send(short.text, "form-all-cancel", reason="They changed their mind")
    assert "Cancelled" in cancelled.text
    assert "Ana Pop cancelled the onboarding." in cancelled.text


async def test_reopening_shows_beforehand_what_it_undoes(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    page = await ana.see(f"/onboardings/{journey.id}")
    assert "These steps stand on it and are to be done again too: Intent to connect." in page
    answer = await ana.send(page, "form-contract-reopen", reason="The wrong contract")
    assert answer.status_code == 200
    seen = await journey.see()
    assert (seen["steps"][0]["state"], seen["steps"][0]["attempt"]) == ("stale", 2)


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


# --- mails, files, errors ------------------------------------------------------------------------------------------


async def test_caught_mails_are_listed_and_shown(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    page = await ana.see("/dev/mail")
    name = re.search(r'href="(/dev/mail/[^"]+\.eml)"', page)
    assert name
    mail = await ana.http.get(name[1])
    assert "suport@programari.example" in mail.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in mail.text
    assert "script-src 'nonce-" in mail.headers["content-security-policy"]
    for bad in ("..%2F..%2Fetc%2Fpasswd", "x.eml", ".hidden.eml", "a/b.eml"):
        await ana.see(f"/dev/mail/{bad}", expect=404)


async def test_mails_are_shown_only_where_the_catcher_is_set_up(postgres_url: str, mails: Mails) -> None:
    from fastapi import FastAPI

    from api import problems
    from api.pages import install

    app = FastAPI()
    problems.install(app)
    install(app, settings_for(postgres_url, "127.0.0.1:1", mails.port))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://racord.localhost"
    ) as http:
        assert (await http.get("/dev/mail")).status_code == 404


async def test_styles_and_scripts_are_kept_for_ever_under_a_name_of_their_content(anybody: Visitor) -> None:
    page = await anybody.see("/login")
    hrefs = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert {href.rpartition(".")[2] for href in hrefs} == {"css", "js", "svg"}
    for href in hrefs:
        answer = await anybody.http.get(href)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    await anybody.see("/static/racord.000000000000.css", expect=404)


async def test_errors_of_pages_are_pages_and_those_of_programs_are_problems(
    ana: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = await ana.see("/nowhere", expect=404)
    assert "Ana Pop" in missing
    await ana.see("/onboardings/onb_unknown", expect=404)
    await ana.see("/?cursor=nonsense", expect=422)
    plain = await ana.http.get("/nowhere", headers={"accept": "application/json"})
    assert plain.headers["content-type"] == "application/problem+json"

    async def broken(*args: object, **more: object) -> None:
        raise RuntimeError("a secret that no page may tell")

    monkeypatch.setattr(listing.onboardings, "listed", broken)
    answer = await ana.http.get("/")
    assert answer.status_code == 500
    assert "Something went wrong on our side." in answer.text
    assert "secret" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_form_from_another_site_is_refused(idle_stack: Stack, ana: Visitor) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    page = await ana.see(f"/onboardings/{journey.id}")
    items, action = filled(page, "form-contract-complete", {**CONTRACT})
    answer = await ana.http.post(action, data=items, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    async with idle_stack.database.transaction() as session:
        assert (
            await session.scalar(text("SELECT count(*) FROM onboarding_events WHERE type = 'step.complete'"))
            == 0
        )
