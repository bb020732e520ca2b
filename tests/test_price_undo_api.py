"""An edit is taken back by another edit, which can be taken back too; never over a later one (R8, R16)."""

from itertools import pairwise
from typing import Any

from tests.catalogue_client import Client
from tests.test_price_edits_api import api, clinic, money, nudges, prices_of, send, shown
from tests.test_price_lists_api import prices

__all__ = ["api", "clinic"]


async def imported(api: Client, provider: str, rows: str) -> str:
    """The id of the edit."""
    done = await send(api, f"{prices_of(provider)}/import", f"code;price\n{rows}")
    return str(done["edit_id"])


async def undo(api: Client, provider: str, edit: str, query: str = "", expect: int = 200) -> Any:
    return await api.call("POST", f"{prices_of(provider)}/edits/{edit}/undo{query}", expect=expect)


async def test_an_undo_is_an_edit_and_can_be_undone(api: Client, clinic: str) -> None:
    path = prices_of(clinic)
    await send(api, f"{path}/import", "code;price\nA;10\n")
    edit = (await send(api, f"{path}/import", "code;price\nA;11\nB;20\n"))["edit_id"]
    preview = await api.call("POST", f"{path}/edits/{edit}/undo?dry_run=true")
    assert (preview["edit_id"], preview["summary"]["cleared"]) == (None, 1)
    undone = (await api.call("POST", f"{path}/edits/{edit}/undo"))["edit_id"]
    assert await shown(api, clinic) == {"A": "10.00"}
    assert (await api.call("GET", f"{path}/edits/{edit}"))["undone_by"] == undone
    detail = await api.call("GET", f"{path}/edits/{undone}")
    assert (detail["source"], detail["undoes"]) == ("undo", edit)
    assert [(line["code"], line["old"], line["new"]) for line in detail["items"]] == [
        ("A", money("11.00"), money("10.00")), ("B", money("20.00"), None),
    ]  # fmt: skip
    assert undone in (await api.problem("POST", f"{path}/edits/{edit}/undo", expect=409))["mend"]
    await api.call("POST", f"{path}/edits/{undone}/undo")
    assert await shown(api, clinic) == {"A": "11.00", "B": "20.00"}


async def test_an_undo_is_refused_while_a_later_edit_of_the_same_services_holds(
    api: Client, clinic: str
) -> None:
    path = prices_of(clinic)
    first = (await send(api, f"{path}/import", "code;price\nA;10\n"))["edit_id"]
    await send(api, f"{path}/import", "code;price\nB;10\n")
    later = (await send(api, f"{path}/import", "code;price\nA;12\n"))["edit_id"]
    problem = await api.problem("POST", f"{path}/edits/{first}/undo", expect=409)
    assert (problem["code"], later in problem["detail"]) == ("later-edit", True)
    await api.call("POST", f"{path}/edits/{later}/undo")
    await api.call("POST", f"{path}/edits/{first}/undo")
    assert await shown(api, clinic) == {"B": "10.00"}


async def test_an_undo_leaves_deleted_services_alone(api: Client, clinic: str) -> None:
    path = prices_of(clinic)
    await send(api, f"{path}/import", "code;price\nA;10\nB;10\n")
    edit = await send(api, f"{path}/import", "code;price\nA;11\nB;11\n")
    await api.call("DELETE", f"/providers/{clinic}/services/{edit['rows'][0]['service_id']}", expect=204)
    undone = await api.call("POST", f"{path}/edits/{edit['edit_id']}/undo")
    assert (undone["summary"]["skipped"], await shown(api, clinic)) == (1, {"B": "10.00"})
    detail = await api.call("GET", f"{path}/edits/{edit['edit_id']}")
    assert [line["deleted"] for line in detail["items"]] == [True, False]


async def test_a_later_edit_of_a_service_that_is_deleted_since_is_not_in_the_way(
    api: Client, clinic: str
) -> None:
    path = prices_of(clinic)
    first = await imported(api, clinic, "A;10\nB;10\n")
    later = await send(api, f"{path}/import", "code;price\nA;12\n")
    await api.call("DELETE", f"/providers/{clinic}/services/{later['rows'][0]['service_id']}", expect=204)
    assert (await undo(api, clinic, later["edit_id"], expect=409))["code"] == "nothing-to-undo"
    await undo(api, clinic, first)
    assert await shown(api, clinic) == {}


async def test_a_chain_of_undos_goes_back_and_forth_by_its_newest_link(api: Client, clinic: str) -> None:
    first, second = await imported(api, clinic, "A;10\n"), await imported(api, clinic, "A;11\nB;20\n")
    chain = [second]
    for expected in ({"A": "10.00"}, {"A": "11.00", "B": "20.00"}, {"A": "10.00"}):
        chain.append((await undo(api, clinic, chain[-1]))["edit_id"])
        assert await shown(api, clinic) == expected
        for older, its_undo in pairwise(chain):
            problem = await undo(api, clinic, older, expect=409)
            assert (problem["code"], its_undo in problem["detail"]) == ("already-undone", True)
            assert chain[-1] in problem["mend"], "the newest is the one that can be undone"
        assert ("prices are back" in (await undo(api, clinic, second, expect=409))["mend"]) is (
            "B" in expected
        )
    page = await api.call("GET", f"{prices_of(clinic)}/edits")
    assert [(one["id"], one["undoes"]) for one in page["items"]] == [
        *zip(chain[:0:-1], chain[-2::-1], strict=True),
        (second, None),
        (first, None),
    ]
    await undo(api, clinic, first)
    assert await shown(api, clinic) == {}


async def test_an_edit_that_holds_again_because_its_undo_was_undone_is_in_the_way_again(
    api: Client, clinic: str
) -> None:
    first, second = await imported(api, clinic, "A;10\n"), await imported(api, clinic, "A;11\n")
    taken_back = (await undo(api, clinic, second))["edit_id"]
    back_again = (await undo(api, clinic, taken_back))["edit_id"]
    problem = await undo(api, clinic, first, expect=409)
    assert (problem["code"], back_again in problem["mend"]) == ("later-edit", True)
    assert second not in problem["mend"], "that one has an undo already"
    assert await shown(api, clinic) == {"A": "11.00"}
    await undo(api, clinic, back_again)
    await undo(api, clinic, first)
    assert await shown(api, clinic) == {}


async def test_a_later_edit_of_one_row_is_in_the_way_of_the_whole(api: Client, clinic: str) -> None:
    first = await imported(api, clinic, "A;10\nB;10\n")
    await imported(api, clinic, "C;5\n")
    older, newest = await imported(api, clinic, "B;12\n"), await imported(api, clinic, "B;13\n")
    for query in ("", "?dry_run=true"):
        problem = await undo(api, clinic, first, query, expect=409)
        assert (problem["code"], newest in problem["mend"]) == ("later-edit", True)
        assert older not in problem["detail"], "the newest is the one to begin with"
    assert await shown(api, clinic) == {"A": "10.00", "B": "13.00", "C": "5.00"}


async def test_a_preview_of_an_undo_shows_each_row_and_leaves_the_edit_as_it_is(
    api: Client, clinic: str
) -> None:
    await imported(api, clinic, "A;10\n")
    edit = await imported(api, clinic, "A;11\nB;20\n")
    before = await nudges(api)
    preview = await undo(api, clinic, edit, "?dry_run=true")
    assert (preview["edit_id"], preview["dry_run"]) == (None, True)
    assert {one["code"]: (one["status"], one["old"], one["new"]) for one in preview["rows"]} == {
        "A": ("changed", money("11.00"), money("10.00")),
        "B": ("cleared", money("20.00"), None),
    }
    kept = await api.call("GET", f"{prices_of(clinic)}/edits/{edit}")
    assert (kept["undone_by"], await nudges(api)) == (None, before)
    assert await shown(api, clinic) == {"A": "11.00", "B": "20.00"}
    assert (await undo(api, clinic, edit))["summary"] == preview["summary"]


async def test_of_prices_set_on_several_channels_each_is_taken_back_by_itself(
    api: Client, clinic: str
) -> None:
    wanted = {"channels": ["generali", "europ-assistance"], **await prices(api, clinic, A="10")}
    done = await api.call("POST", f"/providers/{clinic}/prices/set", wanted)
    await undo(api, clinic, done["edits"]["generali"]["edit_id"])
    assert await shown(api, clinic) == {}
    assert await shown(api, clinic, "europ-assistance") == {"A": "10.00"}
