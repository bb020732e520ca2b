"""Prices sent as JSON: the whole list, some of it, the same on several channels; each change is one edit (R8, R16)."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.catalogue_client import Client
from tests.test_catalogue_channels_api import row
from tests.test_price_edits_api import api, clinic, money, nudges, prices_of, shown

__all__ = ["api", "clinic"]

BOTH = ("generali", "europ-assistance")


async def ids(api: Client, provider: str) -> dict[str, str]:
    """The services' ids by code."""
    found = await api.call("GET", f"/providers/{provider}/services")
    return {one["code"]: one["id"] for one in found["items"]}


async def prices(api: Client, provider: str, **amounts: str) -> dict[str, Any]:
    known = await ids(api, provider)
    return {"prices": [row(known[code], amount) for code, amount in amounts.items()]}


async def test_a_whole_list_is_previewed_row_by_row_then_put_in_one_edit_with_one_nudge(
    api: Client, clinic: str
) -> None:
    path = prices_of(clinic)
    await api.call("PUT", path, await prices(api, clinic, A="10", B="20"))
    wanted, before = await prices(api, clinic, B="25", C="30"), await nudges(api)
    preview = await api.call("PUT", f"{path}?dry_run=true", wanted)
    assert (preview["edit_id"], preview["dry_run"], preview["channels"]) == (None, True, [])
    rows = {one["code"]: (one["status"], one["old"], one["new"]) for one in preview["rows"]}
    assert rows == {
        "A": ("cleared", money("10.00"), None),
        "B": ("changed", money("20.00"), money("25.00")),
        "C": ("new", None, money("30.00")),
    }
    assert (await shown(api, clinic), await nudges(api)) == ({"A": "10.00", "B": "20.00"}, before)
    answer = await api.ask("PUT", path, json=wanted)
    done = answer.json()
    assert (done["summary"], done["prices"]) == (preview["summary"], preview["prices"])
    assert answer.headers["etag"] == f'"{done["version"]}"'
    assert await shown(api, clinic) == {"B": "25.00", "C": "30.00"}
    newest = (await api.call("GET", f"{path}/edits"))["items"][0]
    assert (newest["id"], newest["source"], newest["changes"]) == (done["edit_id"], "put", 3)
    again = await api.call("PUT", path, wanted)
    assert (again["edit_id"], again["version"]) == (None, done["version"])
    assert await nudges(api) == before + 1


@pytest.mark.parametrize(("method", "end"), [("PUT", ""), ("POST", "/set")])
async def test_a_sudden_change_needs_confirmation_as_in_an_import(
    api: Client, clinic: str, method: str, end: str
) -> None:
    path = prices_of(clinic) + end
    await api.call(method, path, await prices(api, clinic, A="10", B="20"))
    wanted = await prices(api, clinic, A="100.01", B="21")
    problem = await api.problem(method, path, wanted, 409)
    assert (problem["code"], problem["edit_id"]) == ("confirmation-needed", None)
    assert [error["field"] for error in problem["errors"]] == ["A"]
    assert "10.00" in problem["errors"][0]["problem"]
    assert (await api.call(method, f"{path}?dry_run=true", wanted))["summary"]["warnings"] == 1
    assert await shown(api, clinic) == {"A": "10.00", "B": "20.00"}
    assert (await api.call(method, f"{path}?confirm=true", wanted))["edit_id"]
    assert await shown(api, clinic) == {"A": "100.01", "B": "21.00"}


async def test_setting_some_prices_leaves_the_others(api: Client, clinic: str) -> None:
    path = prices_of(clinic)
    await api.call("PUT", path, await prices(api, clinic, A="10", B="20"))
    wanted = await prices(api, clinic, B="21", C="30")
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "once"}}
    done = await api.call("POST", f"{path}/set", wanted, **key)
    assert (done["summary"]["new"], done["summary"]["changed"], done["summary"]["cleared"]) == (1, 1, 0)
    assert await shown(api, clinic) == {"A": "10.00", "B": "21.00", "C": "30.00"}
    await api.call("POST", f"{path}/clear", {})
    assert await api.call("POST", f"{path}/set", wanted, **key) == done
    assert await shown(api, clinic) == {}
    stale = {"headers": {"If-Match": f'"{done["version"]}"'}}
    await api.problem("POST", f"{path}/set", wanted, 412, **stale)
    together = {"channels": ["generali"], **wanted}
    refused = await api.problem("POST", f"/providers/{clinic}/prices/set", together, 422, **stale)
    assert "“versions”" in refused["mend"], "which channel's version it is, nobody could say"
    assert await shown(api, clinic) == {}


async def test_a_set_with_a_row_that_does_not_fit_changes_nothing(api: Client, clinic: str) -> None:
    one = (await ids(api, clinic))["A"]
    for path, more in (
        (f"{prices_of(clinic)}/set", {}),
        (f"/providers/{clinic}/prices/set", {"channels": list(BOTH)}),
    ):
        for rows, named in (
            ([row(one), row("srv_none")], "srv_none"),
            ([row(one, currency="EUR")], "prices.0.currency"),
            ([row(one), row(one, "9")], "prices.1.service_id"),
            ([row(one, "0")], "prices.0.amount"),
            ([], "prices"),
        ):
            problem = await api.problem("POST", path, {"prices": rows, **more})
            assert named in str(problem["errors"])
    assert [await shown(api, clinic, partner) for partner in BOTH] == [{}, {}]


async def test_prices_of_several_channels_are_set_with_an_edit_and_a_nudge_for_each(
    api: Client, clinic: str
) -> None:
    path, before = f"/providers/{clinic}/prices/set", await nudges(api)
    wanted = {"channels": [*BOTH, BOTH[0]], **await prices(api, clinic, A="10", B="20")}
    preview = await api.call("POST", f"{path}?dry_run=true", wanted)
    assert {slug: edit["edit_id"] for slug, edit in preview["edits"].items()} == dict.fromkeys(BOTH)
    assert [edit["summary"]["new"] for edit in preview["edits"].values()] == [2, 2]
    assert (await shown(api, clinic), await nudges(api)) == ({}, before)
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "once"}}
    done = await api.call("POST", path, wanted, **key)
    assert await api.call("POST", path, wanted, **key) == done
    assert await nudges(api) == before + 2
    for partner in BOTH:
        assert await shown(api, clinic, partner) == {"A": "10.00", "B": "20.00"}
        (edit,) = (await api.call("GET", f"{prices_of(clinic, partner)}/edits"))["items"]
        assert (edit["id"], edit["source"]) == (done["edits"][partner]["edit_id"], "set")
    assert await shown(api, clinic, "global-assistance") == {}
    async with api.database.transaction() as session:
        written = await session.execute(text("SELECT count(DISTINCT xmin::text) FROM price_edits"))
        assert written.scalar() == 1, "one transaction"


async def test_a_channel_where_nothing_changes_gets_no_edit_and_no_nudge(api: Client, clinic: str) -> None:
    wanted = await prices(api, clinic, A="10")
    await api.call("PUT", prices_of(clinic), wanted)
    before = await nudges(api)
    done = await api.call("POST", f"/providers/{clinic}/prices/set", {"channels": list(BOTH), **wanted})
    assert done["edits"]["generali"]["edit_id"] is None
    assert done["edits"]["europ-assistance"]["edit_id"]
    assert await nudges(api) == before + 1


async def test_one_channel_with_a_sudden_change_refuses_all(api: Client, clinic: str) -> None:
    path = f"/providers/{clinic}/prices/set"
    await api.call("PUT", prices_of(clinic), await prices(api, clinic, A="1"))
    wanted = {"channels": list(BOTH), **await prices(api, clinic, A="100")}
    problem = await api.problem("POST", path, wanted, 409)
    assert (problem["code"], [error["field"] for error in problem["errors"]]) == (
        "confirmation-needed",
        ["generali A"],
    )
    assert set(problem["edits"]) == set(BOTH)
    assert [await shown(api, clinic, partner) for partner in BOTH] == [{"A": "1.00"}, {}]
    await api.call("POST", f"{path}?confirm=true", wanted)
    assert [await shown(api, clinic, partner) for partner in BOTH] == [{"A": "100.00"}] * 2


async def test_one_channel_at_another_version_than_the_one_read_refuses_all(api: Client, clinic: str) -> None:
    path = f"/providers/{clinic}/prices/set"
    seen = (await api.call("PUT", prices_of(clinic), await prices(api, clinic, A="10")))["version"]
    wanted = {"channels": list(BOTH), **await prices(api, clinic, A="11")}
    for versions in ({"generali": seen - 1}, {"generali": seen, "europ-assistance": 5}):
        problem = await api.problem("POST", path, {**wanted, "versions": versions}, 412)
        assert problem["code"] == "stale"
    stray = await api.problem("POST", path, {**wanted, "versions": {"global-assistance": 1}})
    assert "global-assistance" in stray["detail"]
    await api.problem("POST", path, {**wanted, "channels": ["generali", "nobody"]}, 404)
    assert [await shown(api, clinic, partner) for partner in BOTH] == [{"A": "10.00"}, {}]
    await api.call("POST", path, {**wanted, "versions": {"generali": seen}})
    assert await shown(api, clinic) == {"A": "11.00"}


async def test_prices_of_several_channels_are_set_by_who_may_and_for_nobody_else(
    api: Client, clinic: str
) -> None:
    path = f"/providers/{clinic}/prices/set"
    wanted = {"channels": list(BOTH), **await prices(api, clinic, A="10")}
    await api.problem("POST", path, wanted, 403, **await api.key("viewer"))
    await api.problem("POST", path, wanted, 404, **await api.key("provider", await api.provider()))
    await api.call("POST", path, wanted, **await api.key("provider", clinic))


async def test_a_list_put_again_with_its_key_is_the_same_edit(api: Client, clinic: str) -> None:
    path, wanted = prices_of(clinic), await prices(api, clinic, A="10")
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "once"}}
    done = await api.call("PUT", path, wanted, **key)
    await api.call("POST", f"{path}/clear", {})
    assert (done["edit_id"] is not None, await api.call("PUT", path, wanted, **key)) == (True, done)
    assert await shown(api, clinic) == {}
    problem = await api.problem("PUT", path, await prices(api, clinic, A="11"), **key)
    assert problem["code"] == "idempotency-mismatch"
