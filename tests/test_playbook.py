"""Every mistake in a playbook is told with file, line, path, problem and mend."""

import shutil
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.playbooks import (
    MAX_BYTES,
    Declarations,
    Located,
    PlaybookError,
    check_file,
    load_playbook,
    load_playbooks,
)
from adapters.settings import PACKAGED_PARTNERS
from domain import errors
from domain.facts import FactName
from domain.model import Text
from domain.playbook import Contact, Declaration, EndpointLimit, Playbook, Sync, SyncPolicy
from domain.steps import AnyStep
from domain.steps.joint_test import Scenario

TEMPLATES = frozenset({"intent", "joint_test", "reminder"})

RIGHT = """\
slug: clinica
name: Clinica Asigurări
country: RO
time_zone: Europe/Bucharest
languages: [ro, en]
channel_name: Clinica
contacts:
  partnerships:
    name: Parteneriate
    email: parteneriate@clinica.example
declaration:
  document: clinica-data
  version: 2026-01
steps:
  - key: contract
    kind: attest
    title: Contract
  - key: intent
    kind: mail
    needs: [contract]
    to: partnerships
    cc: [support]
    template: intent
    title: Intent
  - key: prices
    kind: check
    needs: [intent]
    fact: prices_set
    title: Prices
  - key: test
    kind: joint_test
    needs:
      - prices
    to: partnerships
    template: joint_test
    title: Test
    scenarios:
      - key: booking
        title: A booking arrives
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    declaration = tmp_path / "declarations" / "clinica-data" / "2026-01.ro.md"
    declaration.parent.mkdir(parents=True)
    declaration.write_text("# Acord\n", encoding="utf-8")
    return tmp_path / "clinica.yaml"


def mistakes(file: Path, text: str) -> tuple[Located, ...]:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PlaybookError) as caught:
        load_playbook(file, TEMPLATES)
    return caught.value.problems


def line_of(text: str, words: str) -> int:
    """The line of the last place where the words stand."""
    return text.count("\n", 0, text.rindex(words)) + 1


def test_a_right_playbook_has_nothing_to_complain_about(file: Path) -> None:
    file.write_text(RIGHT, encoding="utf-8")
    assert check_file(file, TEMPLATES) == []
    assert load_playbook(file, TEMPLATES).slug == "clinica"


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "problem", "mend"),
    [
        pytest.param(
            "      - prices\n",
            "      - pices\n",
            33,
            "steps[3].needs[0]",
            "unknown step “pices”",
            "name one of: contract, intent, prices, test",
            id="unknown step in needs",
        ),
        pytest.param(
            "    needs: [contract]\n",
            "    needs: [prices]\n",
            20,
            "steps[1].needs",
            "in a cycle: ",
            "take one of these needs away",
            id="cycle",
        ),
        pytest.param(
            "key: test\n",
            "key: intent\n",
            30,
            "steps[3].key",
            "duplicate key “intent”",
            "a key of its own",
            id="duplicate step key",
        ),
        pytest.param(
            "template: intent\n",
            "template: intend\n",
            23,
            "steps[1].template",
            "missing template “intend”",
            "use one of: intent, joint_test, reminder",
            id="missing template",
        ),
        pytest.param(
            "fact: prices_set\n",
            "fact: price_set\n",
            28,
            "steps[2].fact",
            "unknown fact “price_set”",
            "use one of: calendars_set, channel_enabled, services_published, prices_set, consent_accepted",
            id="unknown fact",
        ),
        pytest.param(
            "languages: [ro, en]\n",
            "languages: [ro, fr]\n",
            5,
            "languages[1]",
            "unknown language “fr”",
            "use one of: en, ro, de, it, hu",
            id="unknown language",
        ),
        pytest.param(
            "email: parteneriate@clinica.example\n",
            "email: parteneriate@clinica.example\n    language: de\n",
            11,
            "contacts.partnerships.language",
            "“de” is not among the playbook's languages",
            "use one of: ro, en",
            id="a contact's language that the playbook lacks",
        ),
        pytest.param(
            "    to: partnerships\n    template: joint_test\n",
            "    to: technical\n    template: joint_test\n",
            34,
            "steps[3].to",
            "unknown contact “technical”",
            "or use one of: partnerships",
            id="missing contact",
        ),
        pytest.param(
            "cc: [support]\n",
            "cc: [support, boss]\n",
            22,
            "steps[1].cc[1]",
            "unknown contact “boss”",
            "or use one of: partnerships, provider, support",
            id="missing contact in the copies",
        ),
        pytest.param(
            "  partnerships:\n    name",
            "  support:\n    name: Ajutor\n    email: a@b.example\n  partnerships:\n    name",
            8,
            "contacts.support",
            "“support” is not a role at the partner",
            "another role",
            id="a role of our own",
        ),
        pytest.param(
            "version: 2026-01\n",
            "version: 2027-01\n",
            11,
            "declaration",
            "no text for declaration “clinica-data” in version “2027-01”",
            "write declarations/clinica-data/2027-01.ro.md",
            id="missing declaration",
        ),
        pytest.param(
            "languages: [ro, en]\n",
            "languages: [en, ro]\n",
            11,
            "declaration",
            "not there in “en”",
            "write declarations/clinica-data/2026-01.en.md",
            id="declaration not in the first language",
        ),
        pytest.param(
            "kind: check\n",
            "kind: chek\n",
            26,
            "steps[2].kind",
            "unknown kind “chek”",
            "use one of: attest, mail, check, consent, confirm, joint_test",
            id="unknown kind",
        ),
        pytest.param(
            "    kind: check\n",
            "",
            25,
            "steps[2].kind",
            "“kind” is missing",
            "add it, one of: attest, mail, check, consent, confirm, joint_test",
            id="no kind",
        ),
        pytest.param(
            "template: joint_test\n",
            "template: joint_test\n    meting: true\n",
            36,
            "steps[3].meting",
            "unknown key “meting”",
            "write “meeting” if you meant that",
            id="extra key",
        ),
        pytest.param(
            "country: RO\n",
            "country: RO\ncolour: red\n",
            4,
            "colour",
            "unknown key “colour”",
            "the keys here are: slug, name, country,",
            id="extra key at the top",
        ),
        pytest.param(
            "        title: A booking arrives\n",
            "        title:\n          ro: Ajunge\n",
            39,
            "steps[3].scenarios[0].title.en",
            "“en” is missing",
            "add it",
            id="missing key",
        ),
        pytest.param(
            "    needs: [intent]\n",
            "    needs: intent\n",
            27,
            "steps[2].needs",
            "input should be a valid tuple",
            "write a list",
            id="one word where a list belongs",
        ),
        pytest.param(
            "version: 2026-01\n",
            "version: 2026\n",
            13,
            "declaration.version",
            "input should be a valid string, not “2026”",
            "put it in quotes",
            id="number where text belongs",
        ),
        pytest.param(
            "time_zone: Europe/Bucharest\n",
            "time_zone: Europe/Bukarest\n",
            4,
            "time_zone",
            "unknown time zone “Europe/Bukarest”",
            "e.g. Europe/Bucharest",
            id="unknown time zone",
        ),
        pytest.param(
            "slug: clinica\n",
            "slug: Clinica\n",
            1,
            "slug",
            "“Clinica” is not right for “slug”",
            "use small letters",
            id="slug that is none",
        ),
        pytest.param(
            "email: parteneriate@clinica.example\n",
            "email:\n",
            10,
            "contacts.partnerships.email",
            "“email” has no value",
            "write one",
            id="no value",
        ),
        pytest.param(
            "        title: A booking arrives\n",
            "        title: A booking arrives\n      - key: booking\n        title: Another\n",
            40,
            "steps[3].scenarios[1].key",
            "duplicate key “booking”",
            "a key of its own",
            id="duplicate scenario",
        ),
        pytest.param(
            "    title: Prices\n",
            "    title: Prices\n    fact: calendars_set\n",
            30,
            "steps[2].fact",
            "duplicate key “fact”, first in line 28",
            "keep one",
            id="duplicate YAML key",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_mend(
    file: Path, old: str, new: str, line: int, path: str, problem: str, mend: str
) -> None:
    assert RIGHT.count(old) == 1
    (found,) = mistakes(file, RIGHT.replace(old, new))
    assert (found.file, found.line, found.path) == (str(file), line, path)
    assert problem in found.problem
    assert mend in found.mend


def test_the_line_and_column_are_those_of_the_wrong_word(file: Path) -> None:
    text = RIGHT.replace("[contract]", "[contract, contrat]")
    (found,) = mistakes(file, text)
    assert (found.line, found.column) == (line_of(text, "contrat]"), len("    needs: [contract, ") + 1)
    assert str(found).startswith(f"{file}:20:23: steps[1].needs[1]: unknown step “contrat”; name one of: ")


def test_something_missing_is_told_at_the_thing_that_lacks_it(file: Path) -> None:
    text = RIGHT.replace("    to: partnerships\n    cc", "    cc")
    (found,) = mistakes(file, text)
    assert (found.path, found.line) == ("steps[1].to", line_of(text, "- key: intent"))


def test_all_mistakes_of_a_file_are_told_at_once_in_its_order(file: Path) -> None:
    text = RIGHT.replace("country: RO", "country: Romania").replace("kind: check", "kind: chek")
    text = text.replace("kind: attest", "kind: attest\n    kind: attest\n    colour: red")
    found = mistakes(file, text)
    assert [one.path for one in found] == ["country", "steps[0].kind", "steps[0].colour", "steps[2].kind"]
    assert [one.line for one in found] == sorted(one.line for one in found)
    assert check_file(file, TEMPLATES) == [str(one) for one in found]


def test_the_error_is_a_refusal_that_names_every_mistake(file: Path) -> None:
    file.write_text(RIGHT.replace("kind: check", "kind: chek"), encoding="utf-8")
    with pytest.raises(errors.Invalid) as caught:
        load_playbook(file, TEMPLATES)
    assert caught.value.errors[0]["line"] == "26"
    assert "unknown kind “chek”" in caught.value.detail
    assert "racord partners check" in caught.value.mend
    assert str(errors.from_dict(caught.value.as_dict())) == caught.value.detail


@pytest.mark.parametrize(
    ("text", "line", "problem", "mend"),
    [
        pytest.param("", 1, "the file is empty", "write it", id="empty"),
        pytest.param("# only a comment\n", 1, "the file has no value", "write one", id="only a comment"),
        pytest.param("slug: a\nname: b: c\n", 2, "mapping values are not allowed", "in quotes", id="colon"),
        pytest.param("slug: a\n\tname: b\n", 2, "cannot start any token", "not tabs", id="tab"),
        pytest.param("slug: a\nname: 'b\n", 3, "quoted scalar", "close the quotes", id="open quote"),
        pytest.param("a: 1\nb: [1\nc: 2\n", 3, "expected ',' or ']'", "mend the YAML", id="open bracket"),
        pytest.param("a: &x 1\nb: *x\n", 1, "anchors and aliases", "write it out", id="anchor"),
        pytest.param("a: 1\nb: !!python/name:os.system ''\n", 2, "tags are not used", "take", id="tag"),
        pytest.param("a: 1\n---\nb: 1\n", 2, "single document", "one document a file", id="two documents"),
        pytest.param("a: 1\nb: \x07\n", 2, "not allowed", "mend the YAML", id="control character"),
        pytest.param("a: 1\nb: " + "[" * 5000, 2, "nested too deeply", "brackets", id="deep"),
        pytest.param("a: 1\n" + "# ș\n" * MAX_BYTES, 1, "too large", "keep it below 256 KiB", id="too large"),
        pytest.param("- a\n", 1, "input should be a valid dictionary", "write its keys", id="a list"),
    ],
)
def test_what_is_no_playbook_at_all_is_told_with_its_line(
    file: Path, text: str, line: int, problem: str, mend: str
) -> None:
    (found,) = mistakes(file, text)
    assert found.line == line
    assert problem in found.problem
    assert mend in found.mend


def test_a_file_that_is_not_utf_8_is_told_with_its_line(file: Path) -> None:
    file.write_bytes(b"slug: a\nname: Asigur\xe3ri\n")
    (said,) = check_file(file, TEMPLATES)
    assert said == f"{file}:2:1: the file is not UTF-8; save the file as UTF-8"


def test_a_file_that_does_not_exist_is_told(tmp_path: Path) -> None:
    (said,) = check_file(tmp_path / "nowhere.yaml", TEMPLATES)
    assert "nowhere.yaml:1:1: the file cannot be read: No such file" in said


def test_the_guide_explains_every_key_and_its_example_is_right(file: Path) -> None:
    guide = (Path(__file__).parent.parent / "docs" / "playbooks.md").read_text(encoding="utf-8")
    kinds = get_args(get_args(AnyStep)[0])
    models = [Playbook, Contact, Declaration, Sync, EndpointLimit, Scenario, Text, *kinds]
    keys = {name for model in models for name in model.model_fields}
    words = {*keys, *FactName, *SyncPolicy}
    assert {word for word in words if f"`{word}`" not in guide} == set()
    file.write_text(guide.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    shutil.copytree(PACKAGED_PARTNERS / "declarations", file.parent / "declarations", dirs_exist_ok=True)
    assert check_file(file, TEMPLATES | {"notice", "activation"}) == []


def test_words_that_other_yaml_readers_take_for_something_else_stay_text(file: Path) -> None:
    file.write_text(RIGHT.replace("country: RO", "country: NO").replace("name: Clinica", "name: on the"))
    playbook = load_playbook(file, TEMPLATES)
    assert (playbook.country, playbook.declaration.version) == ("NO", "2026-01")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_done_to_a_line_the_answer_names_a_line_of_the_file(
    file: Path, data: st.DataObject
) -> None:
    lines = RIGHT.splitlines()
    index = data.draw(st.integers(0, len(lines) - 1))
    lines[index] = data.draw(st.one_of(st.text(max_size=30), st.just(lines[index][1:]), st.just("")))
    text = "\n".join(lines) + "\n"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    found: tuple[Located, ...] = ()
    try:
        load_playbook(file, TEMPLATES)
    except PlaybookError as error:
        found = error.problems
    last = len(text.splitlines()) + 1
    assert all(1 <= one.line <= last and one.problem and one.mend for one in found)


def test_a_folder_tells_the_mistakes_of_all_its_files_at_once(file: Path) -> None:
    file.write_text(RIGHT.replace("kind: check", "kind: chek"), encoding="utf-8")
    other = file.with_name("other.yml")
    other.write_text("slug: other\n", encoding="utf-8")
    with pytest.raises(PlaybookError) as caught:
        load_playbooks(file.parent, TEMPLATES)
    assert {one.file for one in caught.value.problems} == {str(file), str(other)}
    assert len(str(caught.value).splitlines()) == len(caught.value.problems)


def test_two_files_with_one_slug_are_a_mistake_that_names_both(file: Path) -> None:
    file.write_text(RIGHT, encoding="utf-8")
    second = file.with_name("second.yaml")
    second.write_text("# a copy\n" + RIGHT, encoding="utf-8")
    with pytest.raises(PlaybookError) as caught:
        load_playbooks(file.parent, TEMPLATES)
    (found,) = caught.value.problems
    assert (found.file, found.line, found.path) == (str(second), 2, "slug")
    assert found.problem == f"the slug “clinica” is already that of {file}"


def test_a_folder_without_a_playbook_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="no playbook is in this folder"):
        load_playbooks(tmp_path, TEMPLATES)


def test_an_unknown_partner_is_answered_with_the_known_ones(file: Path) -> None:
    file.write_text(RIGHT, encoding="utf-8")
    playbooks = load_playbooks(file.parent, TEMPLATES)
    assert playbooks.get("clinica").name == "Clinica Asigurări"
    assert "clinica" in playbooks
    with pytest.raises(errors.NotFound) as caught:
        playbooks.get("klinika")
    assert caught.value.mend == "Use one of: clinica."


def test_a_declaration_falls_back_to_the_playbooks_language_and_then_to_english(file: Path) -> None:
    file.write_text(RIGHT, encoding="utf-8")
    playbook = load_playbook(file, TEMPLATES)
    folder = file.parent / "declarations"
    (folder / "clinica-data" / "2026-01.en.md").write_text("# Consent\n", encoding="utf-8")
    (folder / "clinica-data" / "2026-01.fr.md").write_text("# Accord\n", encoding="utf-8")
    declarations = Declarations(folder)
    assert declarations.known() == {("clinica-data", "2026-01"): frozenset({"ro", "en"})}
    assert declarations.in_force(playbook, "en").language == "en"
    assert declarations.in_force(playbook, "hu").language == "ro"
    assert declarations.text("clinica-data", "2026-01", "hu").text == "# Consent\n"


def test_an_unknown_declaration_is_answered_with_the_known_ones(file: Path) -> None:
    declarations = Declarations(file.parent / "declarations")
    with pytest.raises(errors.NotFound) as caught:
        declarations.text("../clinica-data", "2026-01", "ro")
    assert caught.value.mend == "There are: clinica-data/2026-01 (ro)."
