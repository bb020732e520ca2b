"""Who may call what: every route names a policy, and every role gets what it was granted and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from adapters.database.access import create_api_key
from api.access import GRANTS, Policy, Role
from api.app import create_app
from tests.stack import Stack, settings_for
from tests.test_journey import EVIDENCE, HOURS, Journey

# The reference of the API, for anybody who can reach the server: it tells nothing that the source code does not.
REFERENCE = ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/static-offline-docs")
OPEN = (Policy.PUBLIC, Policy.SIGNED_LINK)
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
STREAM = "/api/v1/events/stream"  # never ends: test_api_onboardings reads it
KEPT_TO_THEMSELVES = ("{provider_id}", "{onboarding_id}", "{connection_id}")


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    policies: tuple[Policy, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _policies(dependant: Dependant) -> Iterator[Policy]:
    if policy := getattr(dependant.call, "policy", None):
        yield policy
    for other in dependant.dependencies:
        yield from _policies(other)


def routes_of(app: FastAPI) -> list[Route]:
    """Every route of the app but the reference pages, with the policies that its dependencies name."""
    found = []
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if route.path not in REFERENCE:
            policies = tuple(_policies(dependant)) if dependant else ()
            found += [Route(method, str(route.path), policies) for method in sorted(route.methods or {"ANY"})]
    return found


ROUTES = routes_of(create_app(settings_for("postgresql://nowhere", "127.0.0.1:1", 1)))
API = [route for route in ROUTES if route.path.startswith("/api/")]
GUARDED = [route for route in ROUTES if route.policies and route.policies[0] not in OPEN]


@pytest.fixture
async def journey(stack: Stack) -> Journey:
    """Somebody's onboarding, with one of everything that a route can name."""
    journey = await Journey(stack, "generali").begin()
    await journey.set_calendars()
    async with stack.database.transaction() as session:
        for statement in CONNECTED:
            await session.execute(text(statement), {"id": journey.id})
    return journey


CONNECTED = (
    "INSERT INTO connections (id, provider_id, partner, onboarding_id, status, since, started_at)"
    " SELECT 'con_x', provider_id, partner, id, 'active', now(), now() FROM onboardings WHERE id = :id",
    "INSERT INTO notices (id, connection_id, number, kind, lines, state, attempt, created_at, sent_at)"
    " SELECT 'ntc_x', c.id, 1, 'prices', '[]', 'sent', 1, c.since, c.since - interval '1 day'"
    " FROM connections c WHERE c.onboarding_id = :id",
)


def bodies(journey: Journey) -> dict[str, Any]:
    """A body that would be taken, for every route that wants one."""
    provider, channel = "/api/v1/providers/{provider_id}", "/api/v1/providers/{provider_id}/channels/{slug}"
    connection = "/api/v1/connections/{connection_id}"
    person = "/api/v1/account-managers/{account_manager_id}"
    clinic = {"name": "Clinica", "email": "c@c.example", "locale": "ro", "time_zone": "Europe/Bucharest"}
    accepted_by = {"name": "Ana", "role": "Administrator", "email": "ana@c.example"}
    calendar = {
        "physician": "Dr. I",
        "weekly_hours": HOURS,
        "exceptions": [],
        "service_ids": journey.services,
    }
    price = {"service_id": journey.services[0], "amount": "10.00", "currency": "RON"}
    return {
        "POST /api/v1/providers": clinic,
        f"PATCH {provider}": {"name": "Other"},
        f"POST {provider}/services": {"code": "NEW", "name": "New", "duration_minutes": 10},
        f"PATCH {provider}/services/{{service_id}}": {"name": "Other"},
        f"DELETE {provider}/services/{{service_id}}": None,
        f"PUT {provider}/calendars/{{calendar_id}}": calendar,
        f"DELETE {provider}/calendars/{{calendar_id}}": None,
        f"PATCH {channel}": {"enabled": True},
        f"PUT {channel}/published": {"service_ids": journey.services},
        f"PATCH {channel}/published": {"add": {"service_ids": journey.services}},
        f"PUT {channel}/prices": {"prices": [price]},
        f"POST {channel}/prices/set": {"prices": [price]},
        f"POST {provider}/prices/set": {"channels": ["generali"], "prices": [price]},
        f"POST {channel}/prices/import": None,
        f"POST {channel}/prices/copy": {"from": "europ-assistance"},
        f"POST {channel}/prices/raise": {"percent": "5", "rounding": "1"},
        f"POST {channel}/prices/clear": {},
        f"POST {channel}/prices/edits/{{edit_id}}/undo": {},
        f"POST {channel}/consent": {"version": "2026-01", "accepted_by": accepted_by},
        "POST /api/v1/bounces": None,
        "POST /api/v1/onboardings": {"provider_id": journey.provider, "partner": "europ-assistance"},
        "POST /api/v1/onboardings/{onboarding_id}/steps/{key}/reopen": {"reason": "It was wrong."},
        "POST /api/v1/onboardings/{onboarding_id}/steps/{key}/{action}": EVIDENCE,
        "POST /api/v1/onboardings/{onboarding_id}/evidence": None,
        "POST /api/v1/onboardings/{onboarding_id}/assign": {"account_manager_id": None, "reason": "Why not?"},
        "POST /api/v1/account-managers": {"name": "Eva Pop", "email": "eva@racord.example"},
        f"PATCH {person}": {"name": "Eva Popa"},
        f"POST {person}/retire": {"reason": "She left."},
        f"POST {person}/substitutions": {
            "substitute_id": "amg_y",
            "first_day": "2026-12-24",
            "last_day": "2026-12-24",
            "reason": "On holiday",
        },
        f"DELETE {person}/substitutions/{{substitution_id}}": None,
        "POST /api/v1/onboardings/{onboarding_id}/hold": {"reason": "The clinic moves house."},
        "POST /api/v1/onboardings/{onboarding_id}/{verb}": {"reason": "The clinic moves house."},
        "POST /api/v1/tasks/bulk": {"action": "remind", "items": [{"onboarding_id": journey.id}]},
        "POST /api/v1/task-views": {"name": "Mine", "filters": {}},
        "PATCH /api/v1/task-views/{view_id}": {"name": "Ours"},
        "DELETE /api/v1/task-views/{view_id}": None,
        f"POST {connection}/pause": {"reason": "The clinic moves house."},
        f"POST {connection}/resume": {"reason": "It has moved."},
        f"POST {connection}/send-all": {},
        f"POST {connection}/tell-again": {},
        f"POST {connection}/told": {"reason": "We called them."},
        f"POST {connection}/confirm-end": {
            **EVIDENCE,
            "on_behalf_of": {"party": "partner", "name": "Mihai Pop"},
        },
        f"POST {connection}/notices/{{notice_id}}/remind": {},
        f"POST {connection}/notices/{{notice_id}}/acknowledge": {
            **EVIDENCE,
            "on_behalf_of": {"party": "partner", "name": "Mihai Pop"},
        },
    }


async def ask(journey: Journey, route: Route, key: str | None, **headers: str) -> httpx2.Response:
    """The route's call on the journey's own things."""
    path = route.path.format(
        provider_id=journey.provider, service_id=journey.services[-1], calendar_id="ionescu", slug="generali",
        onboarding_id=journey.id, key="contract", action="complete", verb="resume", token="x", name="x", edit_id="ped_x",
        connection_id="con_x", notice_id="ntc_x", evidence_id="evd_x",
        account_manager_id="amg_x", substitution_id="sub_x", view_id="tvw_x",
    )  # fmt: skip
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    body = bodies(journey).get(str(route))
    return await journey.stack.anybody.request(route.method, path, json=body, headers=headers)


async def key_of(stack: Stack, role: Role, provider_id: str | None = None) -> str:
    async with stack.database.transaction() as session:
        partner = "generali" if role is Role.PARTNER else None
        return await create_api_key(session, f"a {role}", role, provider_id, partner)


def test_every_route_names_exactly_one_policy() -> None:
    assert len(ROUTES) > 50
    assert [str(route) for route in ROUTES if len(route.policies) != 1] == []


def test_only_health_pages_of_entry_and_signed_links_are_open() -> None:
    doors = ("/healthz", "/readyz", "/metrics", "/l/", "/login", "/logout", "/language", "/static/")
    open_routes = [route for route in ROUTES if route.policies[0] in OPEN]
    assert [str(route) for route in open_routes if not route.path.startswith(doors)] == []
    assert [str(route) for route in API if route.policies[0] in OPEN] == []


def test_a_body_is_known_for_every_unsafe_call_of_the_api() -> None:
    nobody = Journey.__new__(Journey)  # one that never began is enough to see which bodies there are
    nobody.services, nobody.provider, nobody.id = ["none"], "none", "none"
    assert {str(route) for route in API if route.method in UNSAFE} == bodies(nobody).keys()


async def test_nothing_is_open_without_a_key(journey: Journey) -> None:
    for route in GUARDED:
        for key in (None, "rk_wrong", ""):
            answer = await ask(journey, route, key)
            assert answer.status_code == 401, f"{route}: {answer.status_code}"
            assert answer.json()["mend"]
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", Role)
async def test_a_role_gets_what_it_was_granted_and_nothing_else(journey: Journey, role: Role) -> None:
    key = await key_of(journey.stack, role)
    for route in GUARDED:
        if route.path == STREAM:
            continue
        answer = await ask(journey, route, key)
        if route.policies[0] in GRANTS[role]:
            assert answer.status_code not in (401, 403), f"{route}: {answer.text}"
            assert answer.status_code < 500, f"{route}: {answer.text}"
        else:
            assert answer.status_code == 403, f"{route}: {answer.status_code}"
            assert role in answer.json()["detail"]


@pytest.mark.parametrize("role", Role)
async def test_what_belongs_to_another_provider_does_not_exist_for_a_limited_key(
    journey: Journey, role: Role
) -> None:
    stack = journey.stack
    other = await stack.call("POST", "/providers", json=bodies(journey)["POST /api/v1/providers"])
    key = await key_of(stack, role, other["id"])
    before = await stack.onboarding(journey.id)
    for route in API:
        named = (
            any(part in route.path for part in KEPT_TO_THEMSELVES) or str(route) == "POST /api/v1/onboardings"
        )
        if not named:
            continue
        answer = await ask(journey, route, key)
        expected = 404 if route.policies[0] in GRANTS[role] else 403
        assert answer.status_code == expected, f"{route}: {answer.status_code} {answer.text}"
        assert "Armonia" not in answer.text
    assert await stack.onboarding(journey.id) == before


async def test_a_limited_keys_lists_show_its_own_provider_only(journey: Journey) -> None:
    stack = journey.stack
    other = await stack.call("POST", "/providers", json=bodies(journey)["POST /api/v1/providers"])
    headers = {"authorization": f"Bearer {await key_of(stack, Role.PROVIDER, other['id'])}"}
    seen = {
        name: (await stack.anybody.get(f"/api/v1/{name}", headers=headers)).json()["items"]
        for name in ("providers", "onboardings", "tasks", "connections", "bounces")
    }
    assert [one["id"] for one in seen.pop("providers")] == [other["id"]]
    assert seen == {"onboardings": [], "tasks": [], "connections": [], "bounces": []}


async def test_a_revoked_key_is_refused_at_the_next_request(journey: Journey) -> None:
    stack = journey.stack
    headers = {"authorization": f"Bearer {await key_of(stack, Role.MANAGER)}"}
    assert (await stack.anybody.get("/api/v1/onboardings", headers=headers)).status_code == 200
    async with stack.database.transaction() as session:
        await session.execute(text("UPDATE api_keys SET revoked_at = now() WHERE name = 'a manager'"))
    assert (await stack.anybody.get("/api/v1/onboardings", headers=headers)).status_code == 401


FROM_ELSEWHERE = (
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site", "origin": "http://racord.localhost"},
)


async def test_other_sites_cannot_write_with_a_browsers_help(journey: Journey) -> None:
    before = await journey.see()
    for headers in FROM_ELSEWHERE:
        for route in ROUTES:
            if route.method in UNSAFE:
                answer = await ask(journey, route, journey.stack.key, **headers)
                assert answer.status_code == 403, f"{route}: {answer.status_code}"
                assert answer.json()["code"] == "cross-site"
    assert await journey.see() == before


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {}], ids=str
)
async def test_our_own_pages_and_programs_can_write(journey: Journey, headers: dict[str, str]) -> None:
    hold = Route("POST", "/api/v1/onboardings/{onboarding_id}/hold", (Policy.STEER_ONBOARDING,))
    assert (await ask(journey, hold, journey.stack.key, **headers)).status_code == 200
