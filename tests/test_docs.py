"""The documents say what is so: settings, commands, links, requirements and problem codes are compared with the code."""

import ast
import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import cli
from adapters.settings import Settings
from api.problems import STATUS
from domain import errors
from domain.errors import RacordError

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").rglob("*.md")])
PICTURES = sorted((PROJECT / "docs").rglob("*.svg"))
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
# The requirements are numbered R1 to R60; R4 has a variant, and no requirement got the number 38.
REQUIREMENTS = {*(f"R{number}" for number in range(1, 61) if number != 38), "R4a"}

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def prose(document: Path) -> str:
    """The text without fenced code."""
    return _FENCED.sub("", document.read_text())


def code(document: Path) -> Iterator[str]:
    """Every line of fenced code and every span of code."""
    text = document.read_text()
    for _, block in _FENCED.findall(text):
        yield from block.splitlines()
    yield from _SPAN.findall(_FENCED.sub("", text))


def rows(document: Path) -> dict[str, list[str]]:
    """The cells of table rows whose first cell is one word of code, by that word."""
    found = {}
    for line in document.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| `") and (word := re.fullmatch(r"`([^`]+)`", cells[0])):
            found[word[1]] = cells[1:]
    return found


def anchors(document: Path) -> set[str]:
    """The anchors that a reader's browser makes of the headings."""
    headings = _HEADING.findall(_FENCED.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- settings ------------------------------------------------------------------------------------------------------


def default_of(name: str) -> str:
    """The default of a setting, as the documentation writes it."""
    field = Settings.model_fields[name]
    if field.is_required():
        return "required"
    value = field.default.value if isinstance(field.default, Enum) else field.default
    if value in (None, (), {}):
        return "none"
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT).as_posix()}/` of the program"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    documented = rows(PROJECT / "docs" / "operations.md")
    variable = f"RACORD_{name.upper()}"
    assert variable in documented, f"add a row for {variable} to the settings in docs/operations.md"
    default, meaning = documented[variable]
    assert default == default_of(name)
    assert len(meaning) > 10, "say what it means"


# --- commands ------------------------------------------------------------------------------------------------------


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def racord_commands() -> set[str]:
    own = {_command(command) for command in cli.app.registered_commands}
    grouped = {
        f"{group.name} {_command(command)}"
        for group in cli.app.registered_groups
        for command in (group.typer_instance.registered_commands if group.typer_instance else [])
    }
    return own | grouped


def _command(command: Any) -> str:
    return str(command.name or command.callback.__name__.replace("_", "-"))


def named_after(word: str) -> set[str]:
    """What the documents name right behind ``word`` at the start of a command."""
    pattern = re.compile(rf"(?:^|: |&& ?){word} ((?:partners )?[a-z][a-z-]*)")
    return {
        found for document in DOCUMENTS for line in code(document) for found in pattern.findall(line.strip())
    }


def test_every_make_target_is_documented_and_exists() -> None:
    assert named_after("make") == make_targets()


def test_every_racord_command_is_documented_and_exists() -> None:
    assert named_after("racord") == racord_commands()


# --- links, pictures, examples -------------------------------------------------------------------------------------


def links() -> list[tuple[Path, str]]:
    return [
        (document, target)
        for document in DOCUMENTS
        for target in _LINK.findall(prose(document))
        if "://" not in target
    ]


@pytest.mark.parametrize(("document", "target"), links(), ids=lambda part: Path(part).name)
def test_every_link_leads_somewhere(document: Path, target: str) -> None:
    place, _, anchor = target.partition("#")
    found = (document.parent / place).resolve() if place else document
    assert found.exists(), f"{name_of(document)} links to {target}, which is not there"
    assert found.is_relative_to(PROJECT)
    if anchor:
        assert anchor in anchors(found), f"{name_of(document)} links to {target}, which has no such heading"


def test_every_document_is_reached_from_the_readme() -> None:
    reached, ahead = set[Path](), {PROJECT / "README.md"}
    while ahead:
        reached |= ahead
        ahead = {
            (document.parent / target.partition("#")[0]).resolve()
            for document, target in links()
            if document in reached and target.partition("#")[0].endswith(".md")
        } - reached
    lost = set(DOCUMENTS) - reached - set(DECISIONS)
    assert not lost, f"link to {', '.join(sorted(name_of(path) for path in lost))}"
    assert reached & set(DECISIONS)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_says_what_it_shows_and_loads_nothing(picture: Path) -> None:
    root = ElementTree.fromstring(picture.read_text())
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text
    assert picture.stat().st_size < 16_000
    assert not re.search(r"<(script|image|foreignObject)|href=\"(?!#)|@import", picture.read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_examples_in_json_are_json(document: Path) -> None:
    for language, block in _FENCED.findall(document.read_text()):
        if language == "json":
            json.loads(block)


def test_decisions_are_numbered_and_say_context_decision_and_consequences() -> None:
    assert [path.name[:4] for path in DECISIONS] == [
        f"{number:04}" for number in range(1, len(DECISIONS) + 1)
    ]
    for path in DECISIONS:
        title, *sections = _HEADING.findall(path.read_text())
        assert title.startswith(f"{path.name[:4]}: ")
        assert sections == ["Context", "Decision", "Consequences"], name_of(path)


# --- requirements and problems -------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_requirement_cited_exists(document: Path) -> None:
    cited = set(re.findall(r"\bR[0-9]+[a-z]?\b", document.read_text()))
    assert cited <= REQUIREMENTS


def raised_codes() -> dict[str, int | None]:
    """Every problem code that the sources can raise, with its status (None for the base of all refusals)."""
    found: dict[str, int | None] = {}
    for folder in ("api", "domain", "adapters"):
        for path in sorted((PROJECT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    found |= dict(_of_call(node))
    return found | {kind.code: _status(kind) for kind in _kinds(RacordError)}


def _of_call(call: ast.Call) -> Iterator[tuple[str, int | None]]:
    """``Conflict(…, code="on-hold")`` and ``problem(403, "cross-site", …)``."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    for word in call.keywords:
        if word.arg == "code" and isinstance(word.value, ast.Constant) and hasattr(errors, name):
            yield str(word.value.value), _status(getattr(errors, name))
    if name == "problem" and len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
        status = call.args[0]
        assert isinstance(status, ast.Constant), "give the status of a problem as a number"
        yield str(call.args[1].value), int(str(status.value))


def _kinds(kind: type[RacordError]) -> Iterator[type[RacordError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__.partition(".")[0] in ("api", "domain", "adapters"):
            yield from _kinds(below)


def _status(kind: type[RacordError]) -> int | None:
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), None)


def test_every_problem_code_is_documented_with_its_status_and_exists() -> None:
    documented = {
        name: int(cells[0])
        for name, cells in rows(PROJECT / "docs" / "api.md").items()
        if cells[0].isdecimal() and len(cells[0]) == 3
    }
    raised = raised_codes()
    assert set(documented) == set(raised)
    assert documented == {name: status or 500 for name, status in raised.items()}
