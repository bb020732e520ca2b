"""Every change of prices is one edit: previewed, saved with its author, listed, taken back (R8, R16)."""

import io
import secrets
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database.price_edits import By, Wanted, save
from adapters.database.session import Database
from api.app import MAX_BODY
from domain.model import SYSTEM
from domain.prices import Priced, Source
from tests.catalogue_client import Client, serving
from tests.stack import settings_for

SAMPLES = Path(__file__).parent / "price_files"


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


@pytest.fixture
async def clinic(api: Client) -> str:
    """A provider with the services A, B and C."""
    provider = await api.provider()
    for code in "ABC":
        await api.service(provider, code)
    return provider


def prices_of(provider: str, partner: str = "generali") -> str:
    return f"/providers/{provider}/channels/{partner}/prices"


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "RON"}


async def send(
    api: Client, path: str, content: str | bytes, name: str = "list.csv", expect: int = 200, **more: Any
) -> Any:
    return await api.call("POST", path, expect=expect, files={"file": (name, content)}, **more)


async def shown(api: Client, provider: str, partner: str = "generali") -> dict[str, str]:
    """The prices by the services' code."""
    services = (await api.call("GET", f"/providers/{provider}/services?limit=200"))["items"]
    codes = {one["id"]: one["code"] for one in services}
    found = await api.call("GET", prices_of(provider, partner))
    return {codes[row["service_id"]]: row["amount"] for row in found["prices"]}


async def nudges(api: Client) -> int:
    async with api.database.transaction() as session:
        return int(await session.scalar(text("SELECT count(*) FROM outbox")) or 0)


async def test_a_file_is_previewed_then_imported_in_one_edit_with_one_nudge(api: Client, clinic: str) -> None:
    """R8, R16."""
    path = prices_of(clinic)
    await send(api, f"{path}/import", "code;price\nA;100\nB;50\n")
    before, list_ = await nudges(api), "Cod;Denumire;Preț\nA;;120,50 lei\nB;;50\nC;;1.234,00\n"
    preview = await send(api, f"{path}/import?dry_run=true", list_)
    assert (preview["edit_id"], preview["dry_run"]) == (None, True)
    assert preview["summary"] == {
        "new": 1, "changed": 1, "cleared": 0, "unchanged": 1, "errors": 0, "warnings": 0, "skipped": 0,
    }  # fmt: skip
    changed = preview["rows"][0]
    assert (changed["line"], changed["status"], changed["old"], changed["new"]) == (
        2, "changed", money("100.00"), money("120.50"),
    )  # fmt: skip
    assert (await shown(api, clinic), await nudges(api)) == ({"A": "100.00", "B": "50.00"}, before)
    done = await send(api, f"{path}/import", list_, "Prețuri mai.csv")
    assert done["summary"] == preview["summary"]
    assert await shown(api, clinic) == {"A": "120.50", "B": "50.00", "C": "1234.00"}
    assert await nudges(api) == before + 1
    newest = (await api.call("GET", f"{path}/edits"))["items"][0]
    assert (newest["id"], newest["source"], newest["changes"]) == (done["edit_id"], "import", 2)
    assert (newest["author"]["name"], newest["file_name"]) == ("Ana Manager", "Prețuri mai.csv")
    assert len(newest["file_sha256"]) == 64
    again = await send(api, f"{path}/import", list_)
    assert (again["edit_id"], await nudges(api)) == (None, before + 1)


async def test_a_file_with_wrong_rows_changes_nothing_unless_they_are_to_be_skipped(api: Client) -> None:
    """R8, SAFETY: the refusal is a problem that carries every row."""
    provider = await api.provider()
    for n in range(1, 61):
        await api.service(provider, f"X-{n:02}")
    path, name = f"{prices_of(provider)}/import", "tenth-wrong-comma.csv"
    content = (SAMPLES / name).read_bytes()
    problem = await send(api, path, content, name, 422)
    assert (problem["code"], problem["edit_id"], problem["summary"]["errors"]) == (
        "prices-with-errors",
        None,
        6,
    )
    assert problem["errors"][0]["field"] == "line 4 A (Price)"
    assert [row["line"] for row in problem["rows"][:6]] == [4, 9, 14, 23, 28, 37]
    assert all(row["problem"] and row["mend"] and row["column"] for row in problem["rows"][:6])
    assert await shown(api, provider) == {}
    done = await send(api, f"{path}?skip_errors=true", content, name)
    assert done["edit_id"]
    assert (done["summary"]["new"], done["summary"]["errors"]) == (54, 6)
    assert len(await shown(api, provider)) == 54


async def test_a_sudden_change_needs_confirmation(api: Client, clinic: str) -> None:
    path = f"{prices_of(clinic)}/import"
    await send(api, path, "code;price\nA;10\n")
    problem = await send(api, path, "code;price\nA;1000\n", expect=409)
    assert (problem["code"], problem["rows"][0]["problem_code"]) == ("confirmation-needed", "price-sudden")
    assert await shown(api, clinic) == {"A": "10.00"}
    assert (await send(api, f"{path}?confirm=true", "code;price\nA;1000\n"))["edit_id"]


async def test_replace_drops_what_the_file_does_not_name_and_shows_it_before(
    api: Client, clinic: str
) -> None:
    path = f"{prices_of(clinic)}/import"
    await send(api, path, "code;price\nA;10\nB;20\n")
    preview = await send(api, f"{path}?mode=replace&dry_run=true", "code;price\nA;10\n")
    assert [(row["code"], row["status"], row["line"]) for row in preview["rows"]] == [
        ("B", "cleared", None), ("A", "unchanged", 2),
    ]  # fmt: skip
    await send(api, f"{path}?mode=replace", "code;price\nA;10\n")
    assert await shown(api, clinic) == {"A": "10.00"}


async def test_an_import_sent_twice_under_one_key_is_one_edit_though_its_boundary_differs(
    api: Client, clinic: str
) -> None:
    path = f"{prices_of(clinic)}/import"
    key = {"Idempotency-Key": secrets.token_hex(8)}
    bodies = ("code;price\nA;10\n", "code;price\nA;10\n", "code;price\nA;11\n")
    await send(api, f"{path}?dry_run=true", bodies[0], headers=key)
    first = await send(api, path, bodies[0], headers=key)
    assert await send(api, path, bodies[1], headers=key) == first
    assert first["edit_id"]
    for other, query in ((bodies[2], ""), (bodies[0], "?mode=replace")):
        problem = await send(api, path + query, other, expect=422, headers=key)
        assert problem["code"] == "idempotency-mismatch"
    assert len((await api.call("GET", f"{prices_of(clinic)}/edits"))["items"]) == 1


async def test_wrong_files_no_file_and_too_large_ones_are_refused_with_the_reason(
    api: Client, clinic: str
) -> None:
    """SAFETY, Files."""
    path = f"{prices_of(clinic)}/import"
    assert "PDF" in (await send(api, path, b"%PDF-1.4", "list.xlsx", 422))["detail"]
    assert (await api.problem("POST", path))["code"] == "no-file"
    assert (await api.problem("POST", path, files={"other": ("a.csv", "x")}))["code"] == "no-file"
    assert (await api.problem("POST", path, {"file": "x"}))["code"] == "no-file"
    too_large = await api.ask("POST", path, files={"file": ("list.csv", b"x" * (MAX_BODY + 1))})
    assert too_large.status_code == 413
    assert await shown(api, clinic) == {}


async def test_an_export_has_titles_in_the_readers_language_and_changes_nothing_when_sent_back(
    api: Client, clinic: str
) -> None:
    path = prices_of(clinic)
    await send(api, f"{path}/import", "code;price\nA;1234.5\n")
    answer = await api.ask("GET", f"{path}/export", headers={"Accept-Language": "de"})
    assert answer.content.decode("utf-8-sig").splitlines()[:2] == [
        "Code;Bezeichnung;Dauer (min);Preis;Währung", "A;Service A;30;1234,50;RON",
    ]  # fmt: skip
    assert answer.headers["content-disposition"] == 'attachment; filename="prices-generali.csv"'
    for format, name in (("csv", "back.csv"), ("xlsx", "back.xlsx")):
        exported = (await api.ask("GET", f"{path}/export?format={format}")).content
        back = await send(api, f"{path}/import?mode=replace", exported, name)
        assert (back["edit_id"], back["summary"]["unchanged"]) == (None, 3)
    await api.problem("GET", f"{path}/export?format=pdf")


async def test_prices_are_raised_copied_and_cleared_each_in_one_edit(api: Client, clinic: str) -> None:
    """R8."""
    path, other = prices_of(clinic), prices_of(clinic, "europ-assistance")
    await send(api, f"{path}/import", "code;price\nA;100\nB;33.30\n")
    raised = await api.call("POST", f"{path}/raise?dry_run=true", {"percent": "5", "rounding": "0.5"})
    assert (raised["edit_id"], raised["rows"][0]["new"]) == (None, money("105.00"))
    raised = await api.call("POST", f"{path}/raise", {"percent": "5", "rounding": "0.5"})
    assert raised["edit_id"]
    assert await shown(api, clinic) == {"A": "105.00", "B": "35.00"}
    only = [raised["rows"][0]["service_id"]]
    await api.call("POST", f"{path}/raise", {"percent": "-10", "service_ids": only})
    assert await shown(api, clinic) == {"A": "94.50", "B": "35.00"}
    await send(api, f"{other}/import", "code;price\nC;7\n")
    await api.call("POST", f"{other}/copy", {"from": "generali", "percent": "10", "rounding": "1"})
    assert await shown(api, clinic, "europ-assistance") == {"A": "104.00", "B": "39.00", "C": "7.00"}
    await api.call("POST", f"{other}/copy", {"from": "generali", "mode": "replace"})
    assert await shown(api, clinic, "europ-assistance") == await shown(api, clinic)
    await api.call("POST", f"{path}/clear", {"service_ids": only})
    assert await shown(api, clinic) == {"B": "35.00"}
    await api.call("POST", f"{path}/clear", {})
    assert await shown(api, clinic) == {}
    sources = [edit["source"] for edit in (await api.call("GET", f"{path}/edits"))["items"]]
    assert sources == ["clear", "clear", "raise", "raise", "import"]


async def test_bulk_changes_that_make_no_sense_are_refused(api: Client, clinic: str) -> None:
    path = prices_of(clinic)
    await send(api, f"{path}/import?confirm=true", "code;price\nA;0.01\nB;99999999\n")
    for wrong in (
        {"percent": "x"},
        {"percent": "-100"},
        {"percent": 5},
        {"percent": "5", "rounding": "0.3"},
        {},
    ):
        await api.problem("POST", f"{path}/raise", wrong)
    problem = await api.problem("POST", f"{path}/raise", {"percent": "5", "rounding": "1"})
    assert {row["problem_code"] for row in problem["rows"]} == {"price-out-of-range"}
    await api.problem("POST", f"{path}/clear", {"service_ids": ["srv_none"]})
    await api.problem("POST", f"{path}/copy", {"from": "generali"})
    await api.problem("POST", f"{path}/copy", {"from": "nobody"}, 404)
    assert await shown(api, clinic) == {"A": "0.01", "B": "99999999.00"}


async def test_an_absurd_price_of_a_service_without_one_needs_confirmation(api: Client, clinic: str) -> None:
    path = f"{prices_of(clinic)}/import"
    problem = await send(api, path, "code;price\nA;98765432\n", expect=409)
    assert (problem["code"], problem["rows"][0]["problem_code"]) == ("confirmation-needed", "price-sudden")
    await send(api, path, "code;price\nA;100\nB;90\n")
    problem = await send(api, path, "code;price\nC;2001\n", expect=409)
    assert "100.00" in problem["errors"][0]["problem"]
    assert (await send(api, f"{path}?confirm=true", "code;price\nC;2001\n"))["edit_id"]


async def test_raising_and_copying_more_than_tenfold_need_confirmation_too(api: Client, clinic: str) -> None:
    path, other = prices_of(clinic), prices_of(clinic, "europ-assistance")
    await send(api, f"{path}/import", "code;price\nA;100\n")
    await send(api, f"{other}/import", "code;price\nA;9\n")
    for call, body in ((f"{path}/raise", {"percent": "1000"}), (f"{other}/copy", {"from": "generali"})):
        problem = await api.problem("POST", call, body, 409)
        assert (problem["code"], problem["edit_id"]) == ("confirmation-needed", None)
    assert (await shown(api, clinic), await shown(api, clinic, "europ-assistance")) == (
        {"A": "100.00"}, {"A": "9.00"},
    )  # fmt: skip
    assert (await api.call("POST", f"{other}/copy?confirm=true", {"from": "generali"}))["edit_id"]
    assert (await api.call("POST", f"{path}/raise?confirm=true", {"percent": "1000"}))["edit_id"]


async def test_replace_takes_no_price_away_while_a_row_is_wrong_and_the_preview_says_so(
    api: Client, clinic: str
) -> None:
    path = f"{prices_of(clinic)}/import"
    await send(api, path, "code;price\nA;10\nB;20\n")
    preview = await send(api, f"{path}?mode=replace&dry_run=true", "code;price\nA;11\nX9;5\n")
    assert (preview["summary"]["cleared"], preview["summary"]["errors"]) == (0, 1)
    (row,) = [row for row in preview["rows"] if row["problem_code"] == "price-kept"]
    assert (row["code"], row["status"], row["line"], row["new"]) == ("B", "unchanged", None, money("20.00"))
    await send(api, f"{path}?mode=replace&skip_errors=true", "code;price\nA;11\nX9;5\n")
    assert await shown(api, clinic) == {"A": "11.00", "B": "20.00"}


@pytest.mark.parametrize("rows", ["", "A;\nB;\n"])
async def test_a_file_without_prices_never_clears_the_list(api: Client, clinic: str, rows: str) -> None:
    path = f"{prices_of(clinic)}/import"
    await send(api, path, "code;price\nA;10\nB;20\n")
    for query in ("", "&dry_run=true", "&skip_errors=true"):
        problem = await send(api, f"{path}?mode=replace{query}", f"code;price\n{rows}", expect=422)
        assert problem["code"] == "file-without-prices"
    assert await shown(api, clinic) == {"A": "10.00", "B": "20.00"}


@pytest.mark.parametrize("mode", ["merge", "replace"])
async def test_a_quote_that_is_never_closed_swallows_no_prices(api: Client, clinic: str, mode: str) -> None:
    path = f"{prices_of(clinic)}/import"
    await send(api, path, "code;name;price\nA;;100\nB;;50\nC;;70\n")
    list_ = 'code;name;price\nA;;110\n"Servicii ORL;;\nB;;60\nC;;77\n'
    problem = await send(api, f"{path}?mode={mode}", list_, expect=422)
    assert problem["code"] == "quote-open"
    assert "line 3" in problem["detail"]
    assert await shown(api, clinic) == {"A": "100.00", "B": "50.00", "C": "70.00"}


async def test_edits_and_their_lines_come_in_pages(api: Client, clinic: str) -> None:
    path = prices_of(clinic)
    ids = [(await send(api, f"{path}/import", f"code;price\nA;{n}\nB;{n}\n"))["edit_id"] for n in (1, 2, 3)]
    page = await api.call("GET", f"{path}/edits?limit=2")
    rest = await api.call("GET", f"{path}/edits?limit=2&cursor={page['next_cursor']}")
    assert [edit["id"] for edit in page["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    lines = await api.call("GET", f"{path}/edits/{ids[0]}?limit=1")
    more = await api.call("GET", f"{path}/edits/{ids[0]}?limit=1&cursor={lines['next_cursor']}")
    assert [line["code"] for line in lines["items"] + more["items"]] == ["A", "B"]
    await api.problem("GET", f"{path}/edits/ped_none", expect=404)
    await api.problem("GET", f"{prices_of(clinic, 'europ-assistance')}/edits/{ids[0]}", expect=404)


async def test_only_who_may_edit_the_catalogue_changes_prices_and_nobody_elses(
    api: Client, clinic: str
) -> None:
    path = prices_of(clinic)
    edit = (await send(api, f"{path}/import", "code;price\nA;10\n"))["edit_id"]
    viewer, stranger = await api.key("viewer"), await api.key("provider", await api.provider())
    own = await api.key("provider", clinic)
    for principal, status in ((viewer, 403), (stranger, 404)):
        await send(api, f"{path}/import", "code;price\nA;11\n", expect=status, **principal)
        for what, body in (
            ("raise", {"percent": "5"}),
            ("clear", {}),
            ("copy", {"from": "europ-assistance"}),
        ):
            await api.problem("POST", f"{path}/{what}", body, status, **principal)
        await api.problem("POST", f"{path}/edits/{edit}/undo", expect=status, **principal)
    for read in ("", "/edits", f"/edits/{edit}", "/export"):
        assert (await api.ask("GET", path + read, **viewer)).status_code == 200
        await api.problem("GET", path + read, expect=404, **stranger)
    await send(api, f"{path}/import", "code;price\nA;11\n", **own)


async def test_who_edits_an_older_price_list_is_stopped(api: Client, clinic: str) -> None:
    path = prices_of(clinic)
    seen = (await api.ask("GET", path)).headers["etag"]
    await send(api, f"{path}/import", "code;price\nA;10\n", headers={"If-Match": seen})
    await api.problem("POST", f"{path}/clear", {}, 412, headers={"If-Match": seen})
    await api.problem("POST", f"{path}/clear?dry_run=true", {}, 412, headers={"If-Match": seen})


async def many(api: Client, count: int) -> str:
    provider = await api.provider()
    async with api.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO services (id, provider_id, code, name, duration_minutes, version)"
                " SELECT 'srv_' || n, :provider, 'C' || n, 'Name ' || n, 30, 1 FROM generate_series(1, :count) n"
            ),
            {"provider": provider, "count": count},
        )
    return provider


async def test_20_000_prices_on_three_channels_are_one_transaction_and_one_nudge_a_channel(
    api: Client,
) -> None:
    """R8, R16."""
    provider, partners = await many(api, 20_000), ("generali", "europ-assistance", "global-assistance")
    before = await nudges(api)
    for amount, changed in (("10", 20_000), ("11", 20_000), ("11", 0)):
        wanted = Wanted([Priced(f"srv_{n}", Decimal(amount), "RON") for n in range(1, 20_001)], replace=True)
        async with api.database.transaction() as session:
            made = await save(session, provider, dict.fromkeys(partners, wanted), By(SYSTEM, Source.PUT))
        assert set(made) == (set(partners) if changed else set())
    assert await nudges(api) == before + 6
    async with api.database.transaction() as session:
        kept = await session.execute(
            text("SELECT count(*), count(old_amount), sum(new_amount) FROM price_changes")
        )
        assert kept.one() == (120_000, 60_000, Decimal(20_000 * 3 * 21))


async def test_a_file_of_20_000_rows_is_imported_and_its_answer_stays_small(api: Client) -> None:
    provider = await many(api, 20_000)
    list_ = "code;price\n" + "".join(f"C{n};{n}.50\n" for n in range(1, 20_001))
    done = await send(api, f"{prices_of(provider)}/import", io.BytesIO(list_.encode()).read())
    assert (done["summary"]["new"], len(done["rows"]), done["rows_left_out"]) == (20_000, 1000, 19_000)
    undone = await api.call("POST", f"{prices_of(provider)}/edits/{done['edit_id']}/undo")
    assert undone["summary"]["cleared"] == 20_000
    assert (await api.call("GET", prices_of(provider)))["prices"] == []
