"""The partner's feed: what is bookable now, what changed since, for the partner's own key only (R1)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text
from typer.testing import CliRunner

import cli
from adapters.database.session import Database
from domain.availability import Opening, next_openings
from tests.catalogue_client import Client, serving
from tests.connection_client import Line, every_page
from tests.connections import go_live
from tests.stack import settings_for

FEED = "/feed/generali/services"


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


async def line(api: Client, slug: str = "generali", **more: Any) -> Line:
    return Line(await go_live(api.database, slug, **more), api)


async def changed_since(api: Client, since: int, **query: Any) -> Any:
    return await api.call("GET", FEED, params={"since": since, **query})


async def untick(here: Line, *service_ids: str) -> None:
    path = f"/providers/{here.live.provider_id}/channels/{here.live.playbook.slug}/published"
    await here.api.call("PUT", path, {"service_ids": list(service_ids)})


async def test_the_feed_tells_what_is_bookable_with_price_duration_and_openings(api: Client) -> None:
    here = await line(api)
    key = await api.key("partner", partner="generali")
    page = await api.call("GET", FEED, **key)
    items = sorted(page["items"], key=lambda one: str(one["code"]))
    assert [(one["code"], one["duration_minutes"], one["price"]) for one in items] == [
        ("S00000", 30, {"amount": "100.00", "currency": "RON"}),
        ("S00001", 30, {"amount": "100.00", "currency": "RON"}),
    ]
    first = items[0]
    assert first["provider"] == {
        "id": here.live.provider_id, "name": "Clinica Sfânta Maria", "time_zone": "Europe/Bucharest",
    }  # fmt: skip
    assert (first["connection"], first["bookable"]) == (here.live.connection_id, True)
    openings = first["availability"]["next_openings"]
    assert [one["physician"] for one in openings] == ["Dr. Ana Ionescu"] * 5
    assert [one["begins"] for one in openings] == sorted(one["begins"] for one in openings)
    assert all(datetime.fromisoformat(one["ends"]) > datetime.now(UTC) for one in openings)


async def test_a_partner_who_takes_no_recorded_prices_is_told_none(api: Client) -> None:
    """R16."""
    await line(api, "global-assistance")
    page = await api.call("GET", "/feed/global-assistance/services")
    assert [one["price"] for one in page["items"]] == [None, None]


async def test_a_partners_key_reads_its_own_feed_and_is_told_of_no_other(api: Client) -> None:
    key = await api.key("partner", partner="generali")
    unknown = await api.problem("GET", "/feed/nobody/services", expect=404, **key)
    other = await api.problem("GET", "/feed/europ-assistance/services", expect=404, **key)
    assert other["detail"].replace("europ-assistance", "nobody") == unknown["detail"]
    assert "global" not in str(unknown)
    for path in ("/connections", "/providers", "/tasks", "/partners"):
        await api.problem("GET", path, expect=403, **key)
    nobodys = await api.key("partner")
    await api.problem("GET", FEED, expect=404, **nobodys)
    for role in ("viewer", "provider"):
        await api.problem("GET", FEED, expect=403, **await api.key(role))
    await api.problem("GET", "/feed/nobody/services", expect=404)


async def test_a_key_limited_to_a_provider_sees_that_provider_only(api: Client) -> None:
    mine, other = await line(api), await line(api)
    limited = await api.key("manager", mine.live.provider_id)
    page = await api.call("GET", FEED, **limited)
    assert {one["provider"]["id"] for one in page["items"]} == {mine.live.provider_id}
    asked: dict[str, Any] = {"params": {"provider_id": other.live.provider_id}}
    await api.problem("GET", FEED, expect=404, **asked, **limited)
    page = await api.call("GET", FEED, **asked)
    assert {one["provider"]["id"] for one in page["items"]} == {other.live.provider_id}


async def test_the_feed_is_up_to_date_before_any_sync_looked_and_takes_no_notice_away(api: Client) -> None:
    """R16: the price's notice is opened by the sync, whoever looked first."""
    here = await line(api, "global-assistance")
    await here.plan(datetime.now(UTC))
    first = here.live.service_ids[0]
    path = f"/providers/{here.live.provider_id}"
    await api.call("PATCH", f"{path}/services/{first}", {"duration_minutes": 45})
    price = {"service_id": first, "amount": "120.00", "currency": "RON"}
    await api.call("PUT", f"{path}/channels/global-assistance/prices", {"prices": [price]})
    page = await api.call("GET", "/feed/global-assistance/services")
    assert [(one["code"], one["duration_minutes"]) for one in page["items"]] == [("S00000", 45)]
    assert len((await here.plan(datetime.now(UTC))).notices) == 1


async def test_what_was_derived_once_is_not_derived_again_before_something_changes(api: Client) -> None:
    """The sync may be far behind: pages, and what is known already, cost a look, whoever asks."""
    here = await line(api, services=3)
    derived: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "FROM published_services" in statement:
            derived.append(statement)

    engine = api.context.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        first = await api.ask("GET", FEED, params={"limit": 2})
        assert derived
        derived.clear()
        cursor = first.json()["next_cursor"]
        await api.call("GET", FEED, params={"limit": 2, "cursor": cursor})
        known = {"If-None-Match": first.headers["etag"]}
        assert (await api.ask("GET", FEED, params={"limit": 2}, headers=known)).status_code == 304
        assert derived == []
        path = f"/providers/{here.live.provider_id}/services/{here.live.service_ids[0]}"
        await api.call("PATCH", path, {"duration_minutes": 45})
        assert (await api.ask("GET", FEED, params={"limit": 2}, headers=known)).status_code == 200
        assert derived
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_changes_follow_in_order_and_what_was_withdrawn_is_among_them(api: Client) -> None:
    """R20: it vanished, and the feed says so."""
    here = await line(api, services=3)
    first, second, third = here.live.service_ids
    as_of = (await api.call("GET", FEED))["as_of"]
    assert await changed_since(api, as_of) == {"items": [], "next_since": as_of, "more": False}
    await untick(here, first, third)
    changed = await changed_since(api, as_of)
    assert [(one["id"], one["bookable"], one["code"]) for one in changed["items"]] == [
        (second, False, "S00001")
    ]
    gone = changed["items"][0]
    assert (gone["price"], gone["duration_minutes"], gone["availability"]) == (None, None, None)
    path = f"/providers/{here.live.provider_id}/services/{first}"
    await api.call("PATCH", path, {"duration_minutes": 45})
    both = await changed_since(api, as_of)
    assert [one["id"] for one in both["items"]] == [second, first]
    part = await changed_since(api, as_of, limit=1)
    assert ([one["id"] for one in part["items"]], part["more"]) == ([second], True)
    rest = await changed_since(api, part["next_since"], limit=1)
    assert ([one["id"] for one in rest["items"]], rest["more"]) == ([first], False)
    assert rest["next_since"] == both["next_since"]
    assert {one["id"] for one in (await api.call("GET", FEED))["items"]} == {first, third}


async def test_after_the_end_everything_is_withdrawn_whether_or_not_the_partners_system_knows(
    api: Client,
) -> None:
    """R17."""
    here = await line(api)
    as_of = (await api.call("GET", FEED))["as_of"]
    await api.call("PATCH", f"/providers/{here.live.provider_id}/channels/generali", {"enabled": False})
    assert (await api.call("GET", FEED))["items"] == []
    changed = await changed_since(api, as_of)
    assert {(one["id"], one["bookable"]) for one in changed["items"]} == {
        (id, False) for id in here.live.service_ids
    }
    await here.end()
    assert await changed_since(api, as_of) == changed


async def test_a_paused_connection_stays_bookable(api: Client) -> None:
    here = await line(api)
    await here.do("pause", {"reason": "Their system moves house."})
    assert len((await api.call("GET", FEED))["items"]) == 2


async def test_paging_loses_nothing_when_something_changes_in_between(api: Client) -> None:
    here, other = await line(api, services=4), await line(api, services=3)
    page = await api.call("GET", FEED, params={"limit": 2})
    as_of, seen = page["as_of"], {one["id"] for one in page["items"]}
    new = {"name": "Renamed"}
    for changed in (here, other):
        path = f"/providers/{changed.live.provider_id}/services/{changed.live.service_ids[0]}"
        await api.call("PATCH", path, new)
    while page["next_cursor"]:
        page = await api.call("GET", FEED, params={"limit": 2, "cursor": page["next_cursor"]})
        assert page["as_of"] == as_of
        assert not seen & {one["id"] for one in page["items"]}
        seen |= {one["id"] for one in page["items"]}
    assert seen == {*here.live.service_ids, *other.live.service_ids}
    changed_later = (await changed_since(api, as_of))["items"]
    assert {(one["id"], one["name"]) for one in changed_later} == {
        (here.live.service_ids[0], "Renamed"),
        (other.live.service_ids[0], "Renamed"),
    }


async def test_what_is_known_already_is_not_sent_again(api: Client) -> None:
    here = await line(api)
    first = await api.ask("GET", FEED)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await api.ask("GET", FEED, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    path = f"/providers/{here.live.provider_id}/services/{here.live.service_ids[0]}"
    await api.call("PATCH", path, {"duration_minutes": 45})
    changed = await api.ask("GET", FEED, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize("wrong", [{"since": -1}, {"since": "x"}, {"since": 2**63}, {"cursor": "x"}], ids=str)
async def test_a_wrong_position_or_cursor_is_named(api: Client, wrong: dict[str, Any]) -> None:
    assert (await api.problem("GET", FEED, expect=422, params=wrong))["code"] == "invalid"


async def test_ten_thousand_services_are_read_page_by_page_and_as_changes(api: Client) -> None:
    here = await line(api, services=1)
    async with here.live.database.transaction() as session:
        for statement in (
            "INSERT INTO services (id, provider_id, code, name, duration_minutes, version)"
            " SELECT 'srv_' || n, :provider, 'N' || n, 'Number ' || n, 30, 1 FROM generate_series(1, 9999) n",
            "INSERT INTO published_services (provider_id, partner, service_id)"
            " SELECT :provider, 'generali', 'srv_' || n FROM generate_series(1, 9999) n",
            "INSERT INTO prices (provider_id, partner, service_id, amount, currency)"
            " SELECT :provider, 'generali', 'srv_' || n, 80, 'RON' FROM generate_series(1, 9999) n",
            "INSERT INTO connection_services (connection_id, service_id, admitted_at)"
            " SELECT :connection, 'srv_' || n, now() FROM generate_series(1, 9999) n",
            "UPDATE calendars SET service_ids = service_ids ||"
            " (SELECT jsonb_agg('srv_' || n) FROM generate_series(1, 9999) n)",
        ):
            names = {"provider": here.live.provider_id, "connection": here.live.connection_id}
            given = {name: value for name, value in names.items() if f":{name}" in statement}
            await session.execute(text(statement), given)
    await here.plan(datetime.now(UTC))
    found = await every_page(api, FEED, limit=200)
    assert len({one["id"] for one in found}) == len(found) == 10_000
    since, told = 0, []
    while (page := await changed_since(api, since, limit=200))["items"]:
        told += [one["id"] for one in page["items"]]
        since = page["next_since"]
    assert sorted(told) == sorted(one["id"] for one in found)


def test_an_opening_under_way_keeps_its_beginning_until_too_little_of_it_is_left() -> None:
    def opening(begins: int, ends: int, calendar: str) -> Opening:
        at = datetime(2026, 3, 12, tzinfo=UTC)
        return Opening(
            calendar_id=calendar,
            physician="Dr. I",
            date=at.date(),
            begins=at.replace(hour=begins),
            ends=at.replace(hour=ends),
        )

    one, other = [opening(9, 12, "a"), opening(14, 16, "a")], [opening(10, 11, "b")]
    hour = opening(10, 11, "x").length
    at = [opening(number, number + 1, "x").begins for number in range(20)]
    assert next_openings([one, other], hour, at[8], 5) == [one[0], other[0], one[1]]
    assert next_openings([one, other], hour, at[11], 5) == [one[0], one[1]]
    assert next_openings([one, other], hour, at[12], 5) == [one[1]]
    assert next_openings([one, other], hour, at[8], 1) == [one[0]]


class TestKeys:
    """`racord api-key --partner`."""

    @pytest.fixture(autouse=True)
    def _settings(self, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = settings_for(postgres_url, "127.0.0.1:1", 1)
        for name in (
            "database_url",
            "temporal_address",
            "public_url",
            "smtp_host",
            "mail_from",
            "support_email",
            "evidence_dir",
        ):
            monkeypatch.setenv(f"RACORD_{name.upper()}", str(getattr(settings, name)))
        monkeypatch.setenv("RACORD_SECRET_KEYS", f'["{settings.secret_keys[0].get_secret_value()}"]')

    def test_a_feed_key_is_made_and_listed_with_its_partner(self) -> None:
        made = CliRunner().invoke(cli.app, ["api-key", "Generali's call centre", "--partner", "generali"])
        assert (made.exit_code, made.stdout.startswith("rk_")) == (0, True)
        lines = CliRunner().invoke(cli.app, ["api-keys"]).stdout
        assert "partner" in lines
        assert "Generali's call centre (only generali)" in lines

    @pytest.mark.parametrize(
        "wrong",
        [
            ["api-key", "x", "--partner", "nobody"],
            ["api-key", "x", "--partner", "generali", "--role", "manager"],
            ["api-key", "x", "--partner", "generali", "--provider", "prv_1"],
            ["api-key", "x", "--role", "partner"],
            ["login-link", "--role", "partner"],
        ],
        ids=" ".join,
    )
    def test_a_key_without_its_partner_or_with_more_rights_is_refused(self, wrong: list[str]) -> None:
        refused = CliRunner().invoke(cli.app, wrong)
        assert refused.exit_code == 2
        assert "rk_" not in refused.output
