"""“Why is this not bookable?” on the pages: the explainer's own answer, what mends it (R18–R20)."""

import re
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from sqlalchemy import text

from adapters.i18n import format_when
from adapters.settings import Settings
from domain.model import LANGUAGES
from embedded.temporal import TemporalServer
from tests.connections import go_live
from tests.stack import Mails, Stack, settings_for
from tests.test_journey import Journey
from tests.visitor import Visitor, sign_in, visiting

PREVIEW = "Show what this would change"
CLINIC = {
    "name": "Clinica Armonia",
    "email": "contact@armonia.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
}


@pytest.fixture
def settings(postgres_url: str, temporal_server: TemporalServer, mails: Mails) -> Settings:
    return settings_for(postgres_url, temporal_server.address, mails.port, mail_dir=mails.folder)


@pytest.fixture
async def ana(idle_stack: Stack) -> AsyncIterator[Visitor]:
    """An account manager, signed in."""
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor)
        yield visitor


class Channel:
    """A provider's channel to Generali, with no onboarding of it."""

    def __init__(self, stack: Stack, provider: str) -> None:
        self.stack, self.provider = stack, provider
        self.path = f"/providers/{provider}/channels/generali"
        self.page = f"{self.path}/readiness"

    async def service(self, code: str) -> str:
        body = {"code": code, "name": f"Service {code}", "duration_minutes": 30}
        made = await self.stack.call("POST", f"/providers/{self.provider}/services", json=body)
        return str(made["id"])

    async def fill(self, n: int) -> None:
        """Many services, every second one ticked."""
        given = {"p": self.provider, "n": n}
        async with self.stack.database.transaction() as session:
            for statement in (
                """INSERT INTO services (id, provider_id, code, name, duration_minutes, version)
                SELECT 'srv_' || n, :p, 'C' || n, 'Service ' || n, 30, 1 FROM generate_series(1, :n) n""",
                """INSERT INTO published_services (provider_id, partner, service_id)
                SELECT :p, 'generali', 'srv_' || n FROM generate_series(1, :n) n WHERE n % 2 = 0""",
            ):
                await session.execute(text(statement), given)


@pytest.fixture
async def channel(idle_stack: Stack) -> Channel:
    made = await idle_stack.call("POST", "/providers", json=CLINIC)
    return Channel(idle_stack, made["id"])


def reasons_of(page: str) -> list[str]:
    """The codes of the channel's reasons, in the page's order."""
    return re.findall(r'id="reason-([^"]+)"', page)


def codes_of(page: str) -> list[str]:
    """The codes of the services listed."""
    return re.findall(r'</h3><p class="muted">([^<]+)</p>', page)


async def test_the_page_says_what_the_api_says_in_its_order(channel: Channel, ana: Visitor) -> None:
    await channel.service("A")
    said = await channel.stack.call("GET", f"{channel.page}")
    page = await ana.see(channel.page)
    assert reasons_of(page) == [one["code"] for one in said["reasons"]]
    for one in said["reasons"]:
        assert one["text"] in page
    assert "Patients cannot be booked at Generali" in page
    assert "For the provider to do" in page
    assert 'href="/onboardings/new"' in page, "what has not been begun is begun there"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_reasons_are_in_the_readers_language(channel: Channel, ana: Visitor, language: str) -> None:
    said = await channel.stack.call("GET", channel.page, params={"language": language})
    page = await ana.see(channel.page, headers={"accept-language": language})
    assert all(one["text"] in page for one in said["reasons"])


async def test_who_disabled_it_and_when_is_on_the_readers_clock(channel: Channel, ana: Visitor) -> None:
    for enabled in (True, False):
        await channel.stack.call("PATCH", channel.path, json={"enabled": enabled})
    said = await channel.stack.call("GET", channel.page)
    disabled = next(one for one in said["reasons"] if one["code"] == "channel.disabled")
    ana.http.cookies.set("racord_zone", "Asia/Tokyo")
    page = await ana.see(channel.page)
    since = format_when(datetime.fromisoformat(disabled["since"]), "en", "Asia/Tokyo")
    assert since in page
    assert f"by {disabled['by']}" in page


async def test_a_deleted_service_says_when_and_by_whom(channel: Channel, ana: Visitor) -> None:
    gone = await channel.service("GONE")
    await channel.service("HERE")
    await channel.stack.call("DELETE", f"/providers/{channel.provider}/services/{gone}", expect=204)
    said = await channel.stack.call("GET", channel.page, params={"service_id": gone})
    (reason,) = said["services"]["items"][0]["reasons"]
    page = await ana.see(f"{channel.page}?state=deleted")
    assert codes_of(page) == ["GONE"]
    assert format_when(datetime.fromisoformat(reason["since"]), "en", "UTC") in page
    assert f"by {reason['by']}" in page


async def test_services_are_found_by_state_and_by_text(channel: Channel, ana: Visitor) -> None:
    ticked, _ = await channel.service("ECO-1"), await channel.service("CARD")
    await channel.stack.call("PUT", f"{channel.path}/published", json={"service_ids": [ticked]})
    assert codes_of(await ana.see(channel.page)) == ["ECO-1", "CARD"], (
        "what is ticked and blocked comes first"
    )
    assert codes_of(await ana.see(f"{channel.page}?state=not_ticked")) == ["CARD"]
    assert codes_of(await ana.see(f"{channel.page}?q=eco")) == ["ECO-1"]
    assert codes_of(await ana.see(f"{channel.page}?q=service card")) == ["CARD"]
    assert "No service fits these filters." in await ana.see(f"{channel.page}?q=nothing&state=blocked")


async def test_of_twenty_thousand_services_a_page_shows_a_few_and_the_next_page_the_others(
    channel: Channel, ana: Visitor
) -> None:
    await channel.fill(20_000)
    page = await ana.see(channel.page)
    assert len(page) < 200_000
    assert "<b>20000</b>" in page
    found = re.search(r'href="([^"]+cursor=[^"]+)"', page)
    assert found is not None
    following = await ana.see(found[1].replace("&amp;", "&").partition("#")[0])
    assert len(codes_of(page)) == len(codes_of(following)) == 25
    assert not set(codes_of(page)) & set(codes_of(following))
    assert "too many services for a form" in page, "a form of all of them would lose those it cannot show"


async def test_a_form_of_the_page_mends_a_reason(channel: Channel, ana: Visitor) -> None:
    service = await channel.service("A")
    page = await ana.see(channel.page)
    answer = await ana.send(page, "form-all-publish_services")
    assert "Saved." in answer.text
    assert "services.none_ticked" not in reasons_of(answer.text)
    refused = await ana.send(answer.text, "form-all-set_prices", **{"prices.0.amount": "much"})
    assert refused.status_code == 422
    assert 'value="much"' in refused.text
    answer = await ana.send(refused.text, "form-all-set_prices", **{"prices.0.amount": "120,50"})
    assert "prices.missing" not in reasons_of(answer.text)
    (price,) = (await channel.stack.call("GET", f"{channel.path}/prices"))["prices"]
    assert (price["service_id"], price["amount"]) == (service, "120.50")


async def test_the_form_of_the_ticks_starts_from_what_is_ticked(channel: Channel, ana: Visitor) -> None:
    ticked, _ = await channel.service("A"), await channel.service("B")
    await channel.stack.call("PUT", f"{channel.path}/published", json={"service_ids": [ticked]})
    await ana.send(await ana.see(channel.page), "form-all-publish_services")
    kept = await channel.stack.call("GET", f"{channel.path}/published")
    assert kept["service_ids"] == [ticked]


async def test_a_viewer_reads_the_reasons_and_is_offered_no_form(channel: Channel) -> None:
    await channel.service("A")
    async with visiting(channel.stack) as viewer:
        await sign_in(channel.stack, viewer, "viewer")
        page = await viewer.see(channel.page)
        assert "channel.disabled" in reasons_of(page)
        assert 'method="post" action="/providers' not in page
        answer = await viewer.http.post(channel.page, data={"_action": "enable_channel"})
        assert answer.status_code == 403


async def test_a_clinic_sees_its_own_channel_and_no_other(channel: Channel) -> None:
    other = await channel.stack.call("POST", "/providers", json=CLINIC)
    async with visiting(channel.stack) as clinic:
        await sign_in(channel.stack, clinic, "provider", channel.provider)
        assert "For you to do" in await clinic.see(channel.page)
        await clinic.see(channel.page.replace(channel.provider, other["id"]), expect=404)
        await clinic.see(channel.page.replace("generali", "nobody"), expect=404)
        await clinic.see(f"{channel.page}?cursor=x", expect=422)
        answer = await clinic.http.post(channel.page, data={"_action": "start"})
        assert answer.status_code == 409


async def test_a_preview_changes_nothing_and_keeps_what_was_typed(channel: Channel, ana: Visitor) -> None:
    await channel.service("A")
    page = await ana.see(channel.page)
    assert PREVIEW in page
    answer = await ana.send(page, "form-all-set_prices", **{"prices.0.amount": "99", "_preview": "1"})
    assert answer.status_code == 200
    assert "No step reopens, no service is withdrawn." in answer.text
    assert 'value="99"' in answer.text
    assert (await channel.stack.call("GET", f"{channel.path}/prices"))["prices"] == []
    refused = await ana.send(page, "form-all-set_prices", **{"prices.0.amount": "x", "_preview": "1"})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text


async def test_a_sudden_price_is_asked_about_and_saved_when_it_is_meant(
    channel: Channel, ana: Visitor
) -> None:
    meant = "It is meant: save it all the same"
    service, other = await channel.service("A"), await channel.service("B")
    await channel.stack.call("PUT", f"{channel.path}/published", json={"service_ids": [service, other]})
    price = {"service_id": service, "amount": "100.00", "currency": "RON"}
    await channel.stack.call("PUT", f"{channel.path}/prices", json={"prices": [price]})
    page = await ana.see(channel.page)
    assert meant not in page
    typed = {"prices.0.amount": "50", "prices.1.amount": "10000"}  # what lacks a price comes first
    answer = await ana.send(page, "form-all-set_prices", **typed)
    assert answer.status_code == 409
    assert meant in answer.text
    await ana.send(answer.text, "form-all-set_prices", **typed, _confirm="1")
    saved = await channel.stack.call("GET", f"{channel.path}/prices")
    assert [one["amount"] for one in saved["prices"]] == ["10000.00", "50.00"]


async def test_what_cannot_be_previewed_is_not_done_when_a_preview_is_asked_for(
    channel: Channel, ana: Visitor
) -> None:
    page = await ana.see(channel.page)
    accepted_by = {
        "accepted_by.name": "Ioana",
        "accepted_by.role": "Administrator",
        "accepted_by.email": "i@armonia.example",
    }
    answer = await ana.send(page, "form-all-accept_consent", **accepted_by, _preview="1")
    assert "consent.missing" in reasons_of(answer.text)
    assert 'value="Ioana"' in answer.text


async def test_what_our_pause_holds_back_is_mended_by_resuming_the_connection(
    idle_stack: Stack, ana: Visitor
) -> None:
    """R14."""
    live = await go_live(idle_stack.database, "generali")
    new = await live.add_service("NEW")
    connection = f"/connections/{live.connection_id}"
    await idle_stack.call("POST", f"{connection}/pause", json={"reason": "Stocktaking."})
    path = f"/providers/{live.provider_id}/channels/generali/readiness"
    found = await idle_stack.call("GET", path, params={"service_id": new})
    resume = {"name": "resume", "kind": "call", "method": "POST", "href": f"/api/v1{connection}/resume"}
    (awaiting,) = found["services"]["items"][0]["reasons"]
    assert (awaiting["code"], awaiting["party"]) == ("service.awaiting_partner", "us")
    assert [one["remedy"] for one in (awaiting, *found["reasons"])] == [resume, resume]
    assert f'href="{connection}#form-all-resume"' in await ana.see(path)
    assert 'id="form-all-resume"' in await ana.see(connection)


async def test_who_may_not_resume_a_connection_is_led_to_its_page(idle_stack: Stack) -> None:
    live = await go_live(idle_stack.database, "generali")
    connection = f"/connections/{live.connection_id}"
    await idle_stack.call("POST", f"{connection}/pause", json={"reason": "Stocktaking."})
    path = f"/providers/{live.provider_id}/channels/generali/readiness"
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor, role="provider", provider_id=live.provider_id)
        assert f'href="{connection}"' in await visitor.see(path)
        await visitor.see(connection)


async def test_the_onboardings_page_says_what_keeps_patients_from_booking_and_when_nothing_does(
    stack: Stack, ana: Visitor
) -> None:
    journey = await Journey(stack, "generali").begin()
    path = f"/onboardings/{journey.id}"
    page = await ana.see(path)
    href = f"/providers/{journey.provider}/channels/generali/readiness"
    said = await stack.call("GET", href)
    assert "What keeps patients from booking" in page
    assert f'href="{href}"' in page
    assert all(one["text"] in page for one in said["reasons"][:3])
    await journey.go_live()
    assert "Nothing. Patients can be booked." in await ana.see(path)
    assert "Patients can be booked at Generali" in await ana.see(href)
    page = await ana.see(href)
    await stack.call("PATCH", journey.channel, json={"enabled": False})
    assert "The traffic channel was disabled" in await ana.see(path)
    answer = await ana.send(await ana.see(href), "form-all-enable_channel", _preview="1")
    assert "A new onboarding at Generali would start" in answer.text
    assert (await stack.call("GET", journey.channel))["enabled"] is False
    await ana.send(answer.text, "form-all-enable_channel")
    assert "What keeps patients from booking" in await ana.see(path)
    assert (await stack.call("GET", "/onboardings?status=in_progress"))["items"]
