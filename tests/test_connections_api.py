"""Live connections over HTTP: what both sides have, pause, resume, everything again (R14–R17)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event, text

from adapters.database import connection_lists
from adapters.database.connection_tables import ConnectionServiceRow
from adapters.database.session import Database
from api.connection_view import priced
from domain.connection import ConnectionStatus, drifts, waits_on
from domain.delivery import PushAnswer, Verdict
from domain.model import Party
from tests.catalogue_client import Client, serving
from tests.connection_client import Line, every_page
from tests.connections import NOW, go_live
from tests.stack import settings_for

BECAUSE = {"reason": "The clinic moves house."}


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


async def line(api: Client, slug: str = "generali", **more: Any) -> Line:
    return Line(await go_live(api.database, slug, **more), api)


async def test_a_connection_is_shown_with_what_waits_from_activation_to_acknowledgement(api: Client) -> None:
    """R13, R15."""
    here = await line(api)
    assert (await here.see())["waiting_on"] is None
    await here.plan()
    seen = (await api.call("GET", "/connections"))["items"]
    assert [one["id"] for one in seen] == [here.live.connection_id]
    assert seen[0]["provider"] == {"id": here.live.provider_id, "name": "Clinica Sfânta Maria"}
    assert (seen[0]["status"], seen[0]["waiting_on"], seen[0]["sequence"]) == ("active", "system", 1)
    assert (seen[0]["delivery"]["type"], seen[0]["delivery"]["tries"]) == ("services.snapshot", 0)
    assert seen[0]["counts"] == {
        "services": 2, "acknowledged": 0, "drifting": 2, "rejected": 0, "notices_open": 0,
    }  # fmt: skip
    await here.answer(PushAnswer(verdict=Verdict.LATER, status=503, detail="They are busy."))
    assert (await here.see())["waiting_on"] == "partner"
    await here.answer(PushAnswer(verdict=Verdict.TAKEN, status=200))
    seen = await here.see()
    assert (seen["waiting_on"], seen["delivery"], seen["counts"]["drifting"]) == (None, None, 0)
    assert seen["counts"]["acknowledged"] == 2
    assert seen["onboarding_id"] == here.live.onboarding_id
    assert [(one["name"], one["href"]) for one in seen["actions"]] == [
        ("pause", f"/api/v1{here.path}/pause"),
        ("send-all", f"/api/v1{here.path}/send-all"),
    ]
    assert (await here.see("/deliveries"))["items"][0]["state"] == "taken"


async def test_drift_names_both_prices_and_since_when(api: Client) -> None:
    """R16: their price 100, ours 120, since …"""
    here = await line(api)
    await here.take()
    await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    await here.plan()
    found = (await here.see("/services", drift=True))["items"]
    assert [one["code"] for one in found] == ["S00000"]
    assert (found[0]["theirs"]["price"]["amount"], found[0]["ours"]["price"]["amount"]) == (
        "100.00",
        "120.00",
    )
    assert (found[0]["bookable"], found[0]["drift"], found[0]["their_price"]) == (True, True, None)
    assert datetime.fromisoformat(found[0]["since"]) == NOW
    assert [one["code"] for one in (await here.see("/services", drift=False))["items"]] == ["S00001"]
    assert (await here.see("/services", q="s00001"))["items"][0]["name"] == "Service 1"


async def test_a_drift_keeps_its_beginning_while_the_service_changes_on_and_has_a_new_one_after_it_was_settled(
    api: Client,
) -> None:
    """R15, R16: since when their value differs from ours, not since when ours changed last."""
    here = await line(api)
    await here.take()

    async def since_after_a_change(price: str, now: datetime) -> datetime:
        await here.live.change_prices({here.live.service_ids[0]: price})
        await here.plan(now)
        (found,) = (await here.see("/services", drift=True))["items"]
        return datetime.fromisoformat(found["since"])

    later = [NOW + timedelta(minutes=n) for n in range(6)]
    assert await since_after_a_change("120.00", later[1]) == later[1]
    assert await since_after_a_change("130.00", later[2]) == later[1], "never did they have ours"
    await here.take(now=later[3])
    assert (await here.see("/services", drift=True))["items"] == []
    assert await since_after_a_change("140.00", later[4]) == later[4]
    await here.take(here.live.service_ids[0], now=later[5])
    (rejected,) = (await here.see("/services", drift=True))["items"]
    assert datetime.fromisoformat(rejected["since"]) == later[4]


async def test_a_price_told_by_notice_drifts_until_the_notice_is_acknowledged(api: Client) -> None:
    """R16, Global Assistance."""
    here = await line(api, "global-assistance")
    await here.take()
    assert (await here.see())["counts"]["drifting"] == 0
    notice = await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    await here.plan()
    found = (await here.see("/services", drift=True))["items"]
    assert [(one["their_price"]["amount"], one["theirs"]["price"]) for one in found] == [("100.00", None)]
    await here.do(f"notices/{notice}/acknowledge", await here.on_behalf())
    assert (await here.see("/services", drift=True))["items"] == []
    assert (await here.see("/services"))["items"][0]["their_price"]["amount"] == "120.00"


@pytest.mark.parametrize("slug", ["generali", "global-assistance"])
async def test_lists_and_services_agree_on_what_drifts(api: Client, slug: str) -> None:
    """Every combination of what is bookable, acknowledged and known by a notice."""
    hundred, more = {"amount": "100.00", "currency": "RON"}, {"amount": "120.00", "currency": "RON"}
    bare = {"code": "ECO", "name": "Eco", "duration_minutes": 30}
    contents = (
        None,
        bare,
        {**bare, "price": hundred},
        {**bare, "price": more},
        {**bare, "duration_minutes": 45},
    )
    cases = list(product(contents, contents, (None, hundred, more)))
    here = await line(api, slug, services=len(cases))
    await here.see("/services")  # derived, so nobody derives again what is written here
    async with here.live.database.transaction() as session:
        for service_id, (content, acknowledged, known) in zip(here.live.service_ids, cases, strict=True):
            row = await session.get_one(ConnectionServiceRow, (here.live.connection_id, service_id))
            row.content, row.acknowledged, row.known_price = content, acknowledged, known
    sync = here.live.playbook.sync
    wanted = {id for id, case in zip(here.live.service_ids, cases, strict=True) if drifts(*case, sync)}
    assert 0 < len(wanted) < len(cases)
    found = await every_page(api, f"{here.path}/services", drift=True)
    assert {one["id"] for one in found} == wanted
    assert all(one["drift"] for one in found)
    rest = await every_page(api, f"{here.path}/services", drift=False)
    assert {one["id"] for one in rest} == set(here.live.service_ids) - wanted
    assert (await here.see())["counts"]["drifting"] == len(wanted)


async def test_connections_are_found_by_partner_status_provider_name_and_drift(api: Client) -> None:
    lines = [await line(api, slug) for slug in ("generali", "europ-assistance", "global-assistance")]
    await lines[0].take()
    await lines[1].plan()
    await lines[2].do("pause", BECAUSE)

    async def found(**query: Any) -> list[str]:
        return [one["partner"] for one in await every_page(api, "/connections", limit=1, **query)]

    assert sorted(await found()) == ["europ-assistance", "generali", "global-assistance"]
    assert await found(partner="generali") == ["generali"]
    assert await found(status="paused") == ["global-assistance"]
    assert await found(provider_id=lines[1].live.provider_id) == ["europ-assistance"]
    assert await found(drift=True) == ["europ-assistance"]
    assert sorted(await found(drift=False)) == ["generali", "global-assistance"]
    assert len(await found(q="sfânta")) == 3
    assert await found(q="100%") == []
    assert await found(q=lines[0].live.connection_id) == ["generali"]


async def test_a_list_is_one_statement_however_many_connections_it_shows(api: Client) -> None:
    counts = []
    for slug in ("generali", "europ-assistance", "global-assistance"):
        await line(api, slug)
        statements: list[str] = []

        def note(*said: Any, seen: list[str] = statements) -> None:
            seen.append(said[2])

        event.listen(api.context.database.engine.sync_engine, "before_cursor_execute", note)
        page = await api.call("GET", "/connections")
        event.remove(api.context.database.engine.sync_engine, "before_cursor_execute", note)
        counts.append((len(page["items"]), sum("api_keys" not in one for one in statements)))
    assert counts == [(1, 1), (2, 1), (3, 1)]


async def test_what_the_partner_rejected_waits_on_us_until_everything_is_sent_again(api: Client) -> None:
    here = await line(api)
    await here.take(here.live.service_ids[0])
    seen = await here.see()
    assert (seen["waiting_on"], seen["counts"]["rejected"], seen["counts"]["acknowledged"]) == ("us", 1, 1)
    first = (await here.see("/services"))["items"][0]
    assert first["rejection"].pop("at")
    assert first["rejection"] == {"code": "unknown-category", "detail": "No such category."}
    assert (await here.plan()).delivery_id is None
    await here.do("send-all", {"reason": "They added the category."})
    await here.take()
    seen = await here.see()
    assert (seen["waiting_on"], seen["counts"]["rejected"], seen["counts"]["drifting"]) == (None, 0, 0)
    assert [one["type"] for one in (await here.see("/deliveries"))["items"]] == ["services.snapshot"] * 2
    told = (await here.see("/events"))["items"]
    assert ("connection.send_all", {"reason": "They added the category."}) in [
        (one["type"], one["data"]) for one in told
    ]


async def test_a_paused_connection_sends_nothing_until_it_is_resumed_and_says_why(api: Client) -> None:
    here = await line(api)
    seen = await here.do("pause", BECAUSE)
    assert (seen["status"], seen["reason"], seen["waiting_on"]) == ("paused", BECAUSE["reason"], "us")
    assert [one["name"] for one in seen["actions"]] == ["resume"]
    assert (await here.plan()).delivery_id is None
    for verb in ("pause", "send-all"):
        refused = await api.problem("POST", f"{here.path}/{verb}", BECAUSE, 409)
        assert refused["code"] == "connection-state"
        assert "paused" in refused["detail"]
    assert (await here.do("resume", BECAUSE))["status"] == "active"
    assert (await here.plan()).delivery_id is not None
    refused = await api.problem("POST", f"{here.path}/resume", BECAUSE, 409)
    assert "active" in refused["detail"]
    told = [one["type"] for one in (await here.see("/events"))["items"]]
    assert told == ["connection.resumed", "connection.paused", "connection.started"]


async def test_resuming_what_the_partner_paused_sends_at_once(api: Client) -> None:
    """410: they wanted nothing more."""
    here = await line(api)
    await here.plan()
    await here.answer(PushAnswer(verdict=Verdict.GONE, status=410, detail="Gone."))
    async with here.live.database.transaction() as session:
        await session.execute(text("UPDATE deliveries SET next_try_at = '2100-01-01'"))
    await here.change(status=ConnectionStatus.PAUSED)
    await here.do("resume", BECAUSE)
    assert (await here.plan()).delivery_id is not None


async def test_of_two_resumes_at_once_one_is_done_and_the_other_refused(api: Client) -> None:
    here = await line(api)
    await here.do("pause", BECAUSE)
    answers = await asyncio.gather(*(api.ask("POST", f"{here.path}/resume", json=BECAUSE) for _ in range(2)))
    assert sorted(one.status_code for one in answers) == [200, 409]
    told = [one["type"] for one in (await here.see("/events"))["items"]]
    assert told.count("connection.resumed") == 1


async def test_the_same_request_with_the_same_key_is_carried_out_once(api: Client) -> None:
    here = await line(api)
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "pause-1"}}
    first = await here.do("pause", BECAUSE, **key)
    await here.do("resume", BECAUSE)
    assert await here.do("pause", BECAUSE, **key) == first
    assert (await here.see())["status"] == "active"


async def test_after_the_end_the_proof_is_shown_and_nothing_can_be_done(api: Client) -> None:
    """R17."""
    here = await line(api)
    await here.take()
    await api.call("PATCH", f"/providers/{here.live.provider_id}/channels/generali", {"enabled": False})
    ending = await here.see()
    assert (ending["status"], ending["cause"], ending["waiting_on"]) == (
        "ending", "permission_disabled", "system",
    )  # fmt: skip
    assert ending["ended_by"]["name"] == "Ana Manager"
    await here.end()
    ended = await here.see()
    assert (ended["status"], ended["waiting_on"], ended["actions"]) == ("ended", None, [])
    assert ended["proof"] == {"known": True, "held": 0, "detail": ""}
    assert ended["counts"]["acknowledged"] == 0
    for verb in ("pause", "resume", "send-all"):
        refused = await api.problem("POST", f"{here.path}/{verb}", BECAUSE, 409)
        assert "ended" in refused["detail"]


async def test_another_providers_connection_does_not_exist(api: Client) -> None:
    mine, other = await line(api), await line(api)
    ours = await api.key("provider", mine.live.provider_id)
    assert [one["id"] for one in (await api.call("GET", "/connections", **ours))["items"]] == [
        mine.live.connection_id
    ]
    asked: dict[str, Any] = {"params": {"provider_id": other.live.provider_id}}
    assert (await api.call("GET", "/connections", **ours, **asked))["items"] == []
    for what in ("", "/services", "/deliveries", "/notices", "/events"):
        await api.call("GET", f"{mine.path}{what}", **ours)
        problem = await api.problem("GET", f"{other.path}{what}", expect=404, **ours)
        assert problem["code"] == "not-found"
    limited = await api.key("manager", mine.live.provider_id)
    await api.problem("POST", f"{other.path}/pause", BECAUSE, 404, **limited)
    await api.problem("POST", f"{mine.path}/pause", BECAUSE, 403, **ours)
    assert (await api.call("GET", mine.path, **ours))["actions"] == []


async def test_ten_thousand_services_are_counted_and_read_page_by_page(api: Client) -> None:
    here = await line(api, services=1)
    await here.take(now=datetime.now(UTC))  # derived, so nobody derives again what is written here
    async with here.live.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO services (id, provider_id, code, name, duration_minutes, version)"
                " SELECT 'srv_' || n, :provider, 'N' || to_char(n, 'FM00000'), 'Number ' || n, 30, 1"
                " FROM generate_series(1, 9999) n"
            ),
            {"provider": here.live.provider_id},
        )
        await session.execute(
            text(
                "INSERT INTO connection_services (connection_id, service_id, content, changed_at, position)"
                " SELECT :id, 'srv_' || n, '{\"duration_minutes\": 30}', now(), n FROM generate_series(1, 9999) n"
            ),
            {"id": here.live.connection_id},
        )
    assert (await here.see())["counts"]["drifting"] == 9999
    found = await every_page(api, f"{here.path}/services", limit=200)
    assert len({one["id"] for one in found}) == len(found) == 10_000
    assert [one["code"] for one in found] == sorted(one["code"] for one in found)


async def test_deliveries_and_events_are_read_page_by_page_newest_first(api: Client) -> None:
    here = await line(api)
    await here.take()
    for _ in range(3):
        await here.do("send-all", {})
        await here.take()
    sequences = [one["sequence"] for one in await every_page(api, f"{here.path}/deliveries", limit=1)]
    assert sequences == [4, 3, 2, 1]
    ids = [int(one["id"]) for one in await every_page(api, f"{here.path}/events", limit=1)]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("status", "signs", "party"),
    [
        (ConnectionStatus.ACTIVE, {}, None),
        (ConnectionStatus.ACTIVE, {"under_way": True}, Party.SYSTEM),
        (ConnectionStatus.ACTIVE, {"under_way": True, "asked": True}, Party.PARTNER),
        (ConnectionStatus.ACTIVE, {"under_way": True, "failed": True}, Party.PARTNER),
        (ConnectionStatus.ACTIVE, {"rejected": True, "asked": True, "failed": True}, Party.US),
        (ConnectionStatus.PAUSED, {"asked": True}, Party.US),
        (ConnectionStatus.ENDING, {"rejected": True}, Party.SYSTEM),
        (ConnectionStatus.ENDING, {"under_way": True}, Party.SYSTEM),
        (ConnectionStatus.ENDING, {"failed": True}, Party.PARTNER),
        (ConnectionStatus.ENDING, {"failed": True, "refused": True}, Party.US),
        (ConnectionStatus.ACTIVE, {"asked": True, "failed": True, "refused": True}, Party.US),
        (ConnectionStatus.ENDED, {"rejected": True, "failed": True}, None),
    ],
)
def test_it_is_said_whose_move_it_is(
    status: ConnectionStatus, signs: dict[str, bool], party: Party | None
) -> None:
    assert waits_on(status, **signs) is party


async def test_a_partner_who_takes_prices_is_known_by_its_playbook(api: Client) -> None:
    assert set(priced(api.context.playbooks)) == {"generali", "europ-assistance"}
    async with api.database.transaction() as session:
        assert await connection_lists.one(session, "con_none", ()) is None
