"""A channel over HTTP: permission, ticks, prices, consent, and the calls that mend what is missing."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database.session import Database
from api.remedies import remedy_call
from domain.facts import FACTS, FactName
from tests.catalogue_client import ACCEPTED_BY, HOURS, Client, serving
from tests.stack import settings_for


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


def row(service: str, amount: Any = "120.00", currency: str = "RON") -> dict[str, Any]:
    return {"service_id": service, "amount": amount, "currency": currency}


async def test_partners_are_shown_in_the_readers_language_without_their_contacts(api: Client) -> None:
    found = await api.call("GET", "/partners/generali", headers={"Accept-Language": "ro"})
    assert found["steps"][0]["title"] == "Încheierea contractului cu Generali"
    assert found["declaration"] == {"document": "generali-data-transmission", "version": "2026-01"}
    assert "@" not in str(found)


async def test_every_partner_has_a_channel_and_it_starts_disabled(api: Client) -> None:
    provider = await api.provider()
    channels = (await api.call("GET", f"/providers/{provider}/channels"))["items"]
    assert [(c["partner"], c["enabled"], c["version"]) for c in channels] == [
        ("europ-assistance", False, 0),
        ("generali", False, 0),
        ("global-assistance", False, 0),
    ]


async def test_enabling_a_channel_shows_and_counts(api: Client) -> None:
    provider = await api.provider()
    path = f"/providers/{provider}/channels/generali"
    changed = await api.call("PATCH", path, {"enabled": True})
    assert (changed["enabled"], changed["version"]) == (True, 1)
    assert (await api.call("PATCH", path, {"enabled": True}))["version"] == 1
    await api.service(provider)
    assert (await api.call("GET", path))["services"] == 1
    assert (await api.ask("GET", path)).headers["etag"] == '"2"'
    for wrong in ({"enabled": "yes"}, {"enabled": 1}, {"enabled": None}, {}, {"live": True}):
        await api.problem("PATCH", path, wrong)


async def test_who_accepts_a_declaration_of_a_channel_that_changed_meanwhile_reads_it_again(
    api: Client,
) -> None:
    """R9."""
    path = f"/providers/{await api.provider()}/channels/generali"
    read = await api.ask("GET", f"{path}/consent")
    assert read.headers["etag"] == (await api.ask("GET", path)).headers["etag"]
    body = {"version": read.json()["version"], "accepted_by": ACCEPTED_BY}
    await api.call("PATCH", path, {"enabled": True})
    match = {"If-Match": read.headers["etag"]}
    await api.problem("POST", f"{path}/consent", body, 412, headers=match)
    assert (await api.call("GET", f"{path}/consent"))["accepted"] is None
    match = {"If-Match": (await api.ask("GET", f"{path}/consent")).headers["etag"]}
    await api.call("POST", f"{path}/consent", body, 201, headers=match)


async def test_ticks_are_replaced_and_an_unknown_service_changes_nothing(api: Client) -> None:
    """R7."""
    provider = await api.provider()
    one, two = await api.service(provider, "A"), await api.service(provider, "B")
    foreign = await api.service(await api.provider(), "A")
    path = f"/providers/{provider}/channels/generali/published"
    assert await api.call("PUT", path, {"service_ids": [two, one, two]}) == {"service_ids": [one, two]}
    for wrong in (foreign, "srv_none"):
        problem = await api.problem("PUT", path, {"service_ids": [one, wrong]})
        assert wrong in problem["detail"]
        assert problem["errors"][0]["field"] == "service_ids"
    assert await api.call("GET", path) == {"service_ids": [one, two]}
    await api.call("DELETE", f"/providers/{provider}/services/{one}", expect=204)
    assert await api.call("GET", path) == {"service_ids": [two]}
    problem = await api.problem("PUT", path, {"service_ids": [one]})
    assert one in problem["detail"]


async def test_a_price_list_is_replaced_as_a_whole(api: Client) -> None:
    """R8."""
    provider = await api.provider()
    one, two = await api.service(provider, "A"), await api.service(provider, "B")
    path = f"/providers/{provider}/channels/generali/prices"
    done = await api.call("PUT", path, {"prices": [row(two, "80"), row(one, "120.5")]})
    kept = {"prices": done["prices"]}
    assert kept == {"prices": [row(one, "120.50"), row(two, "80.00")]}
    assert await api.call("GET", path) == kept
    assert (await api.call("PUT", path, kept))["prices"] == kept["prices"]
    assert (await api.call("PUT", path, {"prices": [row(two)]}))["prices"] == [row(two)]
    other = f"/providers/{provider}/channels/europ-assistance/prices"
    assert await api.call("GET", other) == {"prices": []}


@pytest.mark.parametrize(
    "amount",
    ["0", "0.00", "-1", "1.234", "1,5", "1e3", "Infinity", "NaN", "١٢", "", "123456789", 12.5, 120, None],
)
async def test_an_amount_is_decimal_text_above_zero(api: Client, amount: Any) -> None:
    provider = await api.provider()
    one = await api.service(provider)
    path = f"/providers/{provider}/channels/generali/prices"
    await api.call("PUT", path, {"prices": [row(one)]})
    problem = await api.problem("PUT", path, {"prices": [row(one, amount)]})
    assert problem["errors"][0]["field"] == "prices.0.amount"
    assert await api.call("GET", path) == {"prices": [row(one)]}


async def test_foreign_money_a_service_named_twice_and_unknown_ones_are_named_by_row(api: Client) -> None:
    provider = await api.provider()
    one, two = await api.service(provider, "A"), await api.service(provider, "B")
    path = f"/providers/{provider}/channels/generali/prices"
    problem = await api.problem("PUT", path, {"prices": [row(one), row(two, currency="EUR"), row(one, "9")]})
    assert [error["field"] for error in problem["errors"]] == ["prices.1.currency", "prices.2.service_id"]
    assert "RON" in problem["errors"][0]["mend"]
    assert "srv_none" in (await api.problem("PUT", path, {"prices": [row("srv_none")]}))["detail"]
    assert await api.call("GET", path) == {"prices": []}


async def test_twenty_thousand_prices_go_in_one_edit(api: Client) -> None:
    provider = await api.provider()
    async with api.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO services (id, provider_id, code, name, duration_minutes, version)"
                " SELECT 'srv_' || n, :provider, 'C' || n, 'Name', 30, 1 FROM generate_series(1, 20000) n"
            ),
            {"provider": provider},
        )
    path = f"/providers/{provider}/channels/generali"
    await api.call("PUT", f"{path}/prices", {"prices": [row(f"srv_{n}") for n in range(1, 20_001)]})
    found = await api.call("GET", path)
    assert (found["priced"], found["version"]) == (20_000, 1)
    too_many = {"prices": [row(f"srv_{n}") for n in range(20_001)]}
    await api.problem("PUT", f"{path}/prices", too_many)


async def test_consent_is_shown_in_a_language_and_accepted_in_it(api: Client) -> None:
    """R9: who, which text, when, and who recorded it from where."""
    provider = await api.provider()
    path = f"/providers/{provider}/channels/generali/consent"
    shown = await api.call("GET", f"{path}?language=ro")
    assert shown["accepted"] is None
    assert hashlib.sha256(shown["text"].encode()).hexdigest() == shown["sha256"]
    body = {"version": shown["version"], "accepted_by": ACCEPTED_BY, "language": "ro"}
    accepted = await api.call("POST", path, body, 201)
    assert (accepted["sha256"], accepted["accepted_by"]) == (shown["sha256"], ACCEPTED_BY)
    assert accepted["recorded_by"] == {"kind": "api_key", "name": "Ana Manager"}
    assert accepted["address"] == "192.0.2.7"
    assert (await api.call("GET", path))["accepted"] == accepted
    assert (await api.call("GET", f"/providers/{provider}/channels/generali"))["consent_accepted"]


async def test_accepting_consent_again_answers_with_the_first_acceptance(api: Client) -> None:
    provider = await api.provider()
    path = f"/providers/{provider}/channels/generali/consent"
    body = {"version": "2026-01", "accepted_by": ACCEPTED_BY}
    first = await api.call("POST", path, body, 201)
    again = {**body, "accepted_by": {**ACCEPTED_BY, "name": "Somebody Else"}, "language": "hu"}
    assert await api.call("POST", path, again, 200) == first
    assert (await api.call("GET", f"/providers/{provider}/channels/generali"))["version"] == 1


async def test_a_version_that_is_not_in_force_is_refused_and_the_right_one_named(api: Client) -> None:
    provider = await api.provider()
    path = f"/providers/{provider}/channels/generali/consent"
    problem = await api.problem("POST", path, {"version": "2019-01", "accepted_by": ACCEPTED_BY}, 409)
    assert "2026-01" in problem["detail"]
    for wrong in ({"role": ""}, {"email": "x"}, {"name": "a\nb"}, {"phone": "1"}):
        await api.problem("POST", path, {"version": "2026-01", "accepted_by": {**ACCEPTED_BY, **wrong}})
    await api.problem("GET", f"{path}?language=fr")
    assert (await api.call("GET", path))["accepted"] is None


async def test_the_remedies_alone_are_enough_to_make_every_fact_hold(api: Client) -> None:
    """R5-R9: who follows address, method and schema as given needs to know nothing else."""
    provider = await api.provider()
    ids = [await api.service(provider, code) for code in ("A", "B")]
    filled: dict[FactName, Any] = {
        FactName.SERVICES_PUBLISHED: {},
        FactName.CALENDARS_SET: {"physician": "Dr. Pop", "weekly_hours": HOURS},
        FactName.PRICES_SET: {},
        FactName.CHANNEL_ENABLED: {},
        FactName.CONSENT_ACCEPTED: {"accepted_by": ACCEPTED_BY},
    }
    for name, typed in filled.items():
        async with api.database.transaction() as session:
            call = await remedy_call(
                FACTS[name].remedy, session, api.context, provider, "global-assistance", "ro"
            )
        assert "$ref" not in str(call.body_schema)
        fields = call.body_schema["properties"].items()
        body = {key: field["default"] for key, field in fields if "default" in field} | typed
        for price in body.get("prices", []):
            price["amount"] = price["amount"] or "99.90"
        answer = await api.http.request(call.method, call.href, json=body)
        assert answer.is_success, answer.text
    found = await api.call("GET", f"/providers/{provider}/channels/global-assistance")
    assert (found["enabled"], found["published"], found["priced"], found["consent_accepted"]) == (
        True,
        2,
        2,
        True,
    )
    assert (found["calendars"], found["published_without_calendar"]) == (1, 0)
    assert len(ids) == 2


async def test_a_price_remedy_never_drops_a_price_that_is_there(api: Client) -> None:
    provider = await api.provider()
    one, two, three = [await api.service(provider, code) for code in "ABC"]
    channel = f"/providers/{provider}/channels/generali"
    await api.call("PUT", f"{channel}/prices", {"prices": [row(one, "50")]})
    await api.call("PUT", f"{channel}/published", {"service_ids": [one, three]})
    async with api.database.transaction() as session:
        remedy = FACTS[FactName.PRICES_SET].remedy
        call = await remedy_call(remedy, session, api.context, provider, "generali", "ro")
    prices = call.body_schema["properties"]["prices"]
    assert prices["default"] == [row(three, None), row(two, None), row(one, "50.00")]
    assert prices["items"]["properties"]["service_id"]["oneOf"][0] == {"const": one, "title": "A Service A"}
    assert prices["items"]["properties"]["currency"]["const"] == "RON"
