"""Around the pages: signing in and out, files, mails, errors."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import text, update

from adapters.database import onboardings
from adapters.database.access import hashed
from adapters.database.tables import LoginLinkRow
from adapters.settings import Settings
from api.access import session_cookie
from embedded.temporal import TemporalServer
from tests.stack import Mails, Stack, settings_for
from tests.test_journey import Journey
from tests.visitor import Visitor, filled, login_token, sign_in, visiting

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

    monkeypatch.setattr(onboardings, "listed", broken)
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
