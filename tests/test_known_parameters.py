"""A write that has no preview refuses `dry_run`, and no write ignores a parameter: over every route of the app."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from adapters.database.session import Database
from api.app import create_app
from tests.catalogue_client import CLINIC, serving
from tests.stack import settings_for
from tests.test_policies import ROUTES, UNSAFE, Route

SETTINGS = settings_for("postgresql://nowhere", "127.0.0.1:1", 1)
APP = create_app(SETTINGS)
WRITES = [route for route in ROUTES if route.method in UNSAFE]
PREVIEWED = {
    f"{method} {path}"
    for path, documented in APP.openapi()["paths"].items()
    for method, call in ((name.upper(), call) for name, call in documented.items())
    if any(one["name"] == "dry_run" for one in call.get("parameters", ()))
}
WITHOUT_PREVIEW = [route for route in WRITES if str(route) not in PREVIEWED]


async def ask(route: Route, query: str) -> httpx2.Response:
    """With nothing behind the app: whatever looks further than the address breaks."""
    transport = httpx2.ASGITransport(APP, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://racord.localhost") as http:
        return await http.request(route.method, route.path + query)


@pytest.mark.parametrize("value", ["true", "false", ""])
@pytest.mark.parametrize("route", WITHOUT_PREVIEW, ids=str)
async def test_a_write_without_a_preview_refuses_dry_run(route: Route, value: str) -> None:
    answer = await ask(route, f"?dry_run={value}")
    assert (answer.status_code, answer.json()["code"]) == (422, "no-preview")
    assert "dry_run" in answer.json()["mend"]


@pytest.mark.parametrize("route", [one for one in WRITES if one.path.startswith("/api/")], ids=str)
async def test_a_write_of_the_api_refuses_a_parameter_that_it_does_not_know(route: Route) -> None:
    answer = await ask(route, "?dryrun=true")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown-parameter")
    assert "dryrun" in answer.json()["detail"]


def test_the_calls_with_a_preview_are_those_that_move_steps_or_services() -> None:
    """R17. Anything new is in one of both lists, and so refuses or shows."""
    provider, channel = "/api/v1/providers/{provider_id}", "/api/v1/providers/{provider_id}/channels/{slug}"
    assert {
        f"PATCH {provider}/services/{{service_id}}", f"DELETE {provider}/services/{{service_id}}",
        f"PUT {provider}/calendars/{{calendar_id}}", f"DELETE {provider}/calendars/{{calendar_id}}",
        f"PATCH {provider}", f"PATCH {channel}",
        f"PUT {channel}/published", f"PATCH {channel}/published", f"PUT {channel}/prices",
        f"POST {channel}/prices/set", f"POST {provider}/prices/set", f"POST {channel}/prices/import",
        f"POST {channel}/prices/raise", f"POST {channel}/prices/copy", f"POST {channel}/prices/clear",
        f"POST {channel}/prices/edits/{{edit_id}}/undo",
        "POST /api/v1/onboardings/{onboarding_id}/steps/{key}/reopen", "POST /api/v1/tasks/bulk",
    } == PREVIEWED  # fmt: skip


@pytest.fixture
async def manager(database: Database, postgres_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    settings = settings_for(postgres_url, "127.0.0.1:1", 1)
    async with serving(settings, database) as client:
        yield client.http


async def test_what_is_refused_is_not_written(manager: httpx2.AsyncClient) -> None:
    for query in ("?dry_run=true", "?preview=true"):
        refused = await manager.post(f"/api/v1/providers{query}", json=CLINIC)
        assert refused.status_code == 422
    assert (await manager.get("/api/v1/providers?anything=goes")).json()["items"] == []
    assert (await manager.post("/api/v1/providers", json=CLINIC)).status_code == 201
