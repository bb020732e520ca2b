"""R9: versions of a declaration side by side; a material one asks again and says why, any other leaves consent alone."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from adapters.announcing import announce_declarations
from adapters.database import feed
from adapters.database.session import Database
from adapters.mail.render import TEMPLATES
from adapters.playbooks import PlaybookError, load_playbooks
from adapters.settings import PACKAGED_PARTNERS
from domain.consent import DeclarationVersion, Versions
from tests.catalogue_client import ACCEPTED_BY, serving
from tests.connection_client import Line
from tests.connections import go_live
from tests.stack import settings_for
from tests.test_openings_move import bookable_by_row

DOCUMENT = "generali-data-transmission"
CHANGED = "{en: Prices, ro: Prețuri, de: Preise, it: Prezzi, hu: Árak}"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def partners(tmp_path: Path) -> Path:
    folder = tmp_path / "partners"
    shutil.copytree(PACKAGED_PARTNERS, folder)
    return folder


def day(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def write_versions(folder: Path, *versions: tuple[str, str, bool]) -> None:
    """Texts and index of (version, valid_from, material), the first of them as packaged."""
    place = folder / "declarations" / DOCUMENT
    lines = ["versions:"]
    for version, valid_from, material in versions:
        lines.append(
            f"  - {{version: {version}, valid_from: {valid_from}, material: {str(material).lower()},"
        )
        lines.append(f"     changed: {CHANGED}}}")
        for language in ("en", "ro", "de", "it", "hu"):
            path = place / f"{version}.{language}.md"
            if not path.exists():
                path.write_text(f"# Consent {version}\n", encoding="utf-8")
    (place / "index.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
async def database_url(database: Database, postgres_url: str) -> str:
    return postgres_url


def asked(postgres_url: str, database: Database, folder: Path) -> Any:
    return serving(settings_for(postgres_url, "127.0.0.1:1", 1, partners_dir=folder), database)


@pytest.fixture
async def accepted(database: Database, database_url: str, partners: Path) -> tuple[str, str]:
    """A provider that accepted 2026-01, and the path of its consent."""
    async with asked(database_url, database, partners) as api:
        provider = await api.provider()
        path = f"/providers/{provider}/channels/generali/consent"
        await api.call("POST", path, {"version": "2026-01", "accepted_by": ACCEPTED_BY}, 201)
    return provider, path


def versions(*pairs: tuple[str, int, bool]) -> Versions:
    made = (
        DeclarationVersion(version=name, valid_from=NOON.date() + timedelta(days), material=material)
        for name, days, material in pairs
    )
    return Versions(document="d", versions=tuple(made))


def test_the_newest_version_whose_day_has_come_is_in_force() -> None:
    known = versions(("1", -30, True), ("2", 0, False), ("3", 1, True))
    today = known.on(NOON.date(), "1")
    assert (today.in_force.version, today.counting) == ("2", ("1", "2"))
    assert [one.version for one in today.coming] == ["3"]
    tomorrow = known.on(NOON.date() + timedelta(1), "1")
    assert (tomorrow.in_force.version, tomorrow.counting) == ("3", ("3",))


def test_a_version_that_the_playbook_names_holds_before_its_day_and_never_gives_way_to_an_older_one() -> None:
    known = versions(("1", -30, True), ("2", 5, True), ("3", 9, False))
    assert known.on(NOON.date(), "2").in_force.version == "2"
    assert known.on(NOON.date() + timedelta(9), "2").counting == ("2", "3")


def test_who_accepted_before_is_told_every_version_since() -> None:
    known = versions(("1", -30, True), ("2", -3, True), ("3", -1, False))
    standing = known.on(NOON.date(), "1")
    again = known.asked_again(standing, [("d", "1")])
    assert again is not None
    assert [one.version for one in again.versions] == ["2", "3"]
    assert known.asked_again(standing, [("d", "2"), ("d", "1")]) is None
    assert known.asked_again(standing, []) is None
    other = known.asked_again(standing, [("another", "7")])
    assert other is not None
    assert other.reason == "other_document"


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ("versions: []", "versions"),
        ("versions:\n  - {version: 2026-01, valid_from: someday}", "valid_from"),
        ("versions:\n  - {version: 2026-01, colour: red}", "colour"),
        ("versions:\n  - {version: 2026-09}", "there is no text of “2026-09”"),
        (
            "versions:\n  - {version: 2026-01, valid_from: 2026-02-01}\n"
            "  - {version: 2026-01, valid_from: 2026-01-01}",
            "is there twice",
        ),
    ],
)
def test_every_mistake_in_an_index_is_told_with_its_line(partners: Path, index: str, told: str) -> None:
    (partners / "declarations" / DOCUMENT / "index.yaml").write_text(index + "\n", encoding="utf-8")
    with pytest.raises(PlaybookError, match=r"index\.yaml:") as caught:
        load_playbooks(partners, TEMPLATES)
    assert told in str(caught.value)


def test_a_playbook_names_a_version_that_is_in_the_index(partners: Path) -> None:
    write_versions(partners, ("2026-03", "2026-03-01", True))
    folder = partners / "declarations" / DOCUMENT
    for path in folder.glob("2026-01.*.md"):
        path.unlink()
    with pytest.raises(PlaybookError, match="2026-01"):
        load_playbooks(partners, TEMPLATES)


async def test_a_material_version_asks_again_and_says_what_changed(
    database: Database, database_url: str, partners: Path, accepted: tuple[str, str]
) -> None:
    provider, path = accepted
    write_versions(partners, ("2026-01", "2026-01-01", True), ("2026-05", day(-1), True))
    async with asked(database_url, database, partners) as api:
        shown = await api.call("GET", f"{path}?language=ro")
        assert (shown["version"], shown["accepted"]) == ("2026-05", None)
        assert shown["asked_again"]["reason"] == "material_version"
        assert "2026-01" in shown["asked_again"]["text"]
        assert [(one["version"], one["changed"]) for one in shown["asked_again"]["versions"]] == [
            ("2026-05", "Prețuri")
        ]
        assert [one["version"] for one in shown["acceptances"]] == ["2026-01"]
        channel = f"/providers/{provider}/channels/generali"
        assert not (await api.call("GET", channel))["consent_accepted"]
        assert (await api.call("GET", "/partners/generali"))["declaration"]["version"] == "2026-05"
        old = {"version": "2026-01", "accepted_by": ACCEPTED_BY}
        assert (await api.problem("POST", path, old, 409))["code"] == "other-version"
        await api.call("POST", path, {**old, "version": "2026-05"}, 201)
        shown = await api.call("GET", path)
        assert (shown["accepted"]["version"], shown["asked_again"]) == ("2026-05", None)
        assert [one["version"] for one in shown["acceptances"]] == ["2026-05", "2026-01"]
        assert (await api.call("GET", channel))["consent_accepted"]


async def test_a_version_that_is_not_material_leaves_older_acceptances_valid(
    database: Database, database_url: str, partners: Path, accepted: tuple[str, str]
) -> None:
    provider, path = accepted
    write_versions(partners, ("2026-01", "2026-01-01", True), ("2026-05", day(-1), False))
    async with asked(database_url, database, partners) as api:
        shown = await api.call("GET", path)
        assert (shown["version"], shown["in_force"]["material"]) == ("2026-05", False)
        assert (shown["accepted"]["version"], shown["asked_again"]) == ("2026-01", None)
        assert (await api.call("GET", f"/providers/{provider}/channels/generali"))["consent_accepted"]


async def test_a_version_whose_day_is_to_come_is_shown_and_not_in_force(
    database: Database, database_url: str, partners: Path, accepted: tuple[str, str]
) -> None:
    _, path = accepted
    write_versions(partners, ("2026-01", "2026-01-01", True), ("2026-05", day(7), True))
    async with asked(database_url, database, partners) as api:
        shown = await api.call("GET", path)
    assert (shown["version"], shown["accepted"]["version"]) == ("2026-01", "2026-01")
    assert [(one["version"], one["valid_from"]) for one in shown["coming"]] == [("2026-05", day(7))]


async def test_the_sync_wakes_and_the_feed_follows_at_the_minute_a_material_version_comes_into_force(
    database: Database, database_url: str, partners: Path
) -> None:
    """R9: before anybody announces it, and as the explainer says it."""
    write_versions(partners, ("2026-01", "2026-01-01", True), ("2026-05", day(7), True))
    async with asked(database_url, database, partners) as api:
        here = Line(await go_live(database, "generali"), api)
        midnight = datetime.fromisoformat(day(7)).replace(tzinfo=ZoneInfo("Europe/Bucharest"))
        before = midnight - timedelta(minutes=30)
        assert (await here.plan(before)).wake_at == midnight
        assert await bookable_by_row(here) == 2
        async with database.transaction() as session:
            assert await feed.behind(session, "generali", None, before) == []
            assert await feed.behind(session, "generali", None, midnight) == [here.live.connection_id]
        await here.plan(midnight)
        assert await bookable_by_row(here) == 0


async def test_channels_hear_once_of_a_version_that_comes_into_force(
    database: Database, database_url: str, partners: Path, accepted: tuple[str, str]
) -> None:
    provider, _ = accepted
    write_versions(partners, ("2026-01", "2026-01-01", True), ("2026-05", day(7), True))
    playbooks = load_playbooks(partners, TEMPLATES)
    async with asked(database_url, database, partners) as api:
        fresh = await api.provider()
        async with database.transaction() as session:
            before = await session.scalar(text("SELECT count(*) FROM outbox"))
        assert await announce_declarations(database, playbooks) == []
        later = datetime.now(UTC) + timedelta(days=8)
        assert await announce_declarations(database, playbooks, later) == [(provider, "generali")]
        assert await announce_declarations(database, playbooks, later) == []
        async with database.transaction() as session:
            assert await session.scalar(text("SELECT count(*) FROM outbox")) == before + 1
        lines = await api.call("GET", f"/providers/{provider}/changes?kind=declaration_in_force")
        (line,) = lines["items"]
        assert line["new"]["version"] == "2026-05"
        assert line["new"]["changed"]["ro"] == "Prețuri"
        assert (line["author"]["kind"], line["source"]) == ("system", f"declarations/{DOCUMENT}/index.yaml")
        assert (await api.call("GET", f"/providers/{fresh}/changes?kind=declaration_in_force"))["items"] == []
