"""Reads playbooks (R4, R4a) and consent declarations (R9); of every mistake it says where, and the mend."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.errors import Invalid, NotFound
from domain.model import LANGUAGES
from domain.playbook import Playbook, Problem, problems

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Located:
    """A mistake in a file: ``line``, ``column`` count from 1; ``path`` reads like ``steps[3].needs[0]``."""

    file: str
    line: int
    column: int
    path: str
    problem: str
    mend: str

    def __str__(self) -> str:
        at = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {at}{self.problem}; {self.mend}"


class PlaybookError(Invalid):
    """All that is wrong, in the order of the files; ``str()`` has a line for each mistake."""

    def __init__(self, found: Iterable[Located]):
        self.problems = tuple(sorted(set(found)))
        first, *others = self.problems
        super().__init__(
            "{first}{others}",
            mend="Mend the lines named in “errors”; `racord partners check FILE` checks a file.",
            errors=[{name: str(value) for name, value in vars(problem).items()} for problem in self.problems],
            first=first,
            others=f" (and {len(others)} more)" if others else "",
        )

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True)
class DeclarationText:
    """A consent declaration as people read it; ``sha256`` is of the text's UTF-8 bytes."""

    document: str
    version: str
    language: str
    text: str
    sha256: str


class Declarations:
    """The texts ``<folder>/<document>/<version>.<language>.md``, read once: what is shown never changes."""

    def __init__(self, folder: Path):
        self._texts: dict[tuple[str, str], dict[str, DeclarationText]] = {}
        for path in sorted(folder.glob("*/*.*.md")):
            version, _, language = path.name.removesuffix(".md").rpartition(".")
            if language in LANGUAGES:
                text = _read(path)
                digest = hashlib.sha256(text.encode()).hexdigest()
                one = DeclarationText(path.parent.name, version, language, text, digest)
                self._texts.setdefault((one.document, version), {})[language] = one

    def known(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """The languages of every (document, version)."""
        return {wanted: frozenset(texts) for wanted, texts in self._texts.items()}

    def text(self, document: str, version: str, *languages: str) -> DeclarationText:
        """The text in the first of these languages that it has, else in English; raises :class:`NotFound`."""
        texts = self._texts.get((document, version), {})
        for language in (*languages, "en"):
            if language in texts:
                return texts[language]
        raise NotFound(
            "There is no declaration “{document}” in version “{version}” in one of: {languages}.",
            mend="There are: {known}.",
            document=document,
            version=version,
            languages=", ".join((*languages, "en")),
            known=", ".join(f"{d}/{v} ({', '.join(t)})" for (d, v), t in self._texts.items()) or "none",
        )

    def in_force(self, playbook: Playbook, language: str) -> DeclarationText:
        """What a provider accepts (R9): in the language asked, else the playbook's first, else English."""
        wanted = playbook.declaration
        return self.text(wanted.document, wanted.version, language, playbook.language)


class Playbooks:
    """The partners there are, sorted by name; immutable."""

    def __init__(self, playbooks: Iterable[Playbook], declarations: Declarations):
        self._by_slug = {one.slug: one for one in sorted(playbooks, key=lambda one: one.name.casefold())}
        self.declarations = declarations

    def __iter__(self) -> Iterator[Playbook]:
        return iter(self._by_slug.values())

    def __len__(self) -> int:
        return len(self._by_slug)

    def __contains__(self, slug: object) -> bool:
        return slug in self._by_slug

    def get(self, slug: str) -> Playbook:
        """Raises :class:`NotFound`, which names the slugs there are."""
        if slug in self._by_slug:
            return self._by_slug[slug]
        known = ", ".join(sorted(self._by_slug))
        raise NotFound("There is no partner “{slug}”.", mend="Use one of: {known}.", slug=slug, known=known)


def load_playbooks(folder: Path, templates: frozenset[str]) -> Playbooks:
    """Every ``*.yaml`` and ``*.yml`` there; raises one :class:`PlaybookError` for all of them together."""
    declarations = Declarations(folder / "declarations")
    sources: dict[str, _Source] = {}
    playbooks: list[Playbook] = []
    found: list[Located] = []
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        try:
            source, playbook = _loaded(path, templates, declarations)
        except PlaybookError as error:
            found.extend(error.problems)
            continue
        if other := sources.get(playbook.slug):
            what = f"the slug “{playbook.slug}” is already that of {other.file}"
            found.append(source.located(("slug",), what, "give every partner a slug of its own"))
        sources.setdefault(playbook.slug, source)
        playbooks.append(playbook)
    if found:
        raise PlaybookError(found)
    if not playbooks:
        nothing = Located(str(folder), 1, 1, "", "no playbook is in this folder", "put one *.yaml there")
        raise PlaybookError([nothing])
    return Playbooks(playbooks, declarations)


def load_playbook(path: Path, templates: frozenset[str]) -> Playbook:
    """One partner's file, ``declarations/`` beside it; raises :class:`PlaybookError` with every mistake."""
    return _loaded(path, templates, Declarations(path.parent / "declarations"))[1]


def check_file(path: Path, templates: frozenset[str]) -> list[str]:
    """A line for each mistake in the file; none where it is right."""
    try:
        load_playbook(path, templates)
    except PlaybookError as error:
        return [str(problem) for problem in error.problems]
    return []


def _loaded(path: Path, templates: frozenset[str], declarations: Declarations) -> tuple["_Source", Playbook]:
    source = _Source(path)
    try:
        playbook = Playbook.model_validate(source.data)
    except ValidationError as error:
        found = [*source.wrong, *(source.located(*said) for said in _explained(error))]
        raise PlaybookError(found) from None
    across: Iterable[Problem] = problems(playbook, templates, declarations.known())
    found = [*source.wrong, *(source.located(one.path, one.problem, one.mend) for one in across)]
    if found:
        raise PlaybookError(found)
    return source, playbook


def _read(path: Path) -> str:
    """The file's text; raises :class:`PlaybookError` where it cannot be one."""

    def wrong(problem: str, mend: str, line: int = 1) -> PlaybookError:
        return PlaybookError([Located(str(path), line, 1, "", f"the file {problem}", mend)])

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}", "name a file that exists and may be read") from None
    if len(data) > MAX_BYTES:
        raise wrong("is too large", f"keep it below {MAX_BYTES // 1024} KiB")
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise wrong("is not UTF-8", "save the file as UTF-8", line) from None
    if not text.strip():
        raise wrong("is empty", "write it; a file that exists is the best example")
    return text


class _Source:
    """The YAML of one file as plain data, the place of everything in it, and what is wrong as YAML."""

    def __init__(self, path: Path):
        self.file = str(path)
        self.wrong: list[Located] = []
        self._places: dict[Path_, tuple[int, int]] = {(): (1, 1)}
        text = _read(path)
        try:
            node = yaml.compose(text, Loader=_Loader)
        except yaml.YAMLError as error:
            raise PlaybookError([self._bad_yaml(text, error)]) from None
        self.data = None if node is None else self._plain(node, ())

    def located(self, path: Path_, problem: str, mend: str) -> Located:
        """The mistake at the place of ``path``, or of the nearest thing around it that is in the file."""
        near = path
        while near not in self._places:
            near = near[:-1]
        return Located(self.file, *self._places[near], _dotted(path), problem, mend)

    def _plain(self, node: yaml.Node, path: Path_) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._places[(*path, index)] = _place(item.start_mark)
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        plain = _SCALARS.get(node.tag)
        return plain(node.value) if plain else node.value

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for name, value in node.value:
            # A key is a word, whatever it looks like; a list as a key becomes one that nobody knows.
            key = str(name.value) if isinstance(name, yaml.ScalarNode) else "?"
            here = (*path, key)
            if key in plain:
                said = f"duplicate key “{key}”, first in line {self._places[here][0]}"
                self.wrong.append(
                    Located(self.file, *_place(name.start_mark), _dotted(here), said, "keep one")
                )
                continue
            same_line = value.start_mark.line == name.start_mark.line
            self._places[here] = _place(value.start_mark if same_line else name.start_mark)
            plain[key] = self._plain(value, here)
        return plain

    def _bad_yaml(self, text: str, error: yaml.YAMLError) -> Located:
        line, column, said = 1, 1, "this is not YAML"
        if isinstance(error, yaml.MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            line, column = _place(mark) if mark else (1, 1)
            said = ", ".join(part for part in (error.context, error.problem) if part)
        elif isinstance(error, yaml.reader.ReaderError):
            line, said = text.count("\n", 0, error.position) + 1, error.reason
        mends = (mend for words, mend in _YAML_MENDS.items() if words in said)
        return Located(self.file, line, column, "", said, next(mends, "mend the YAML in this line"))


class _Loader(yaml.SafeLoader):
    """Plain scalars as in YAML 1.2: `NO`, `on`, `2026-01-01` stay text. No anchors, aliases or tags."""

    yaml_implicit_resolvers = {}
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        said = None
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            said = "anchors and aliases are not used here"
        elif event.tag:
            said = "tags are not used here"
        elif self._depth == MAX_DEPTH:
            said = "this is nested too deeply"
        if said:
            raise yaml.MarkedYAMLError(problem=said, problem_mark=event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_NULL, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
_SCALARS: dict[str, Callable[[str], Any]] = {
    _NULL: lambda _: None,
    _BOOL: lambda value: value.lower() == "true",
    _INT: int,
    _FLOAT: float,
}
for _tag, _pattern in {
    _NULL: r"^(?:~|null|Null|NULL|)$",
    _BOOL: r"^(?:true|True|TRUE|false|False|FALSE)$",
    _INT: r"^[-+]?[0-9]{1,18}$",
    _FLOAT: r"^[-+]?(?:[0-9]{1,18}\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?$",
}.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), None)

_YAML_MENDS = {
    "anchors and aliases": "write it out, or put the text in quotes",
    "tags are not": "take the “!…” away, or put the text in quotes",
    "too deeply": "take some brackets or indentation away",
    "mapping values are not allowed": "put a text with “: ” in it in quotes, and check the indentation",
    "cannot start any token": "indent with spaces, not tabs; put a text that starts with a sign in quotes",
    "quoted scalar": "close the quotes",
    "expected <block end>": "check the indentation: what belongs together starts in the same column",
    "could not find expected ':'": "write “key: value”, and check the indentation",
    "single document": "keep one document a file: take the line “---” away",
}

_SHAPES = {
    "slug": "use small letters, digits and hyphens, a letter first, at most 40",
    "document": "use small letters, digits and hyphens, a letter first, at most 40",
    "country": "use two capital letters, e.g. RO",
    "currency": "use three capital letters, e.g. RON",
    "email": "write one address, e.g. integrare@partner.example",
}
_SHAPES |= dict.fromkeys(("name", "version"), "write one line of text")
_KEY_SHAPE = "use small letters, digits and underscores, a letter first, at most 40"

_TYPE_MENDS = {
    "string_type": "write text; put it in quotes where it looks like a number",
    "model_type": "write its keys below it, indented",
    "model_attributes_type": "write its keys below it, indented",
    "dict_type": "write its keys below it, indented",
    "tuple_type": "write a list: [one, two], or a line “- …” for each",
}


def _dotted(path: Path_) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _place(mark: yaml.Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _explained(error: ValidationError) -> Iterator[tuple[Path_, str, str]]:
    """Path in the file, problem and mend of everything that pydantic found."""
    for item in error.errors(include_url=False):
        loc, kind = item["loc"], item["type"]
        if kind == "too_short" and item["input"]:
            continue  # its items are wrong, and each of them says so itself
        untagged = (*loc[:2], *loc[3:]) if loc[0:1] == ("steps",) else loc
        path = tuple(part for part in untagged if part != "[key]")
        if kind.startswith("union_tag"):
            path = (*path, "kind")
        yield path, *_words(item, path)


def _words(item: ErrorDetails, path: Path_) -> tuple[str, str]:
    """Problem and mend, in the words of whoever writes playbooks."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    expected = str(context.get("expected_tags") or context.get("expected", ""))
    choices = expected.replace("'", "").replace(" or ", ", ")
    if kind == "union_tag_not_found":
        return "“kind” is missing", f"add it, one of: {', '.join(_kinds())}"
    if kind == "missing":
        return f"“{name}” is missing", "add it"
    if kind == "extra_forbidden":
        known = _known_keys(item["loc"][:-1])
        close = get_close_matches(name, known, 1)
        meant = f"write “{close[0]}” if you meant that; " if close else ""
        return f"unknown key “{name}”", f"{meant}the keys here are: {', '.join(known)}"
    if value is None:
        return (f"“{name}”" if name else "the file") + " has no value", "write one"
    if choices:
        return f"unknown {name} “{context.get('tag', value)}”", f"use one of: {choices}"
    if kind in ("too_short", "string_too_short"):
        return f"“{name}” is empty", "write at least one"
    if kind == "string_pattern_mismatch":
        return f"“{value}” is not right for “{name}”", _SHAPES.get(name, _KEY_SHAPE)
    shown = f", not “{value}”" if isinstance(value, str | int | float) else ""
    return f"{item['msg'][:1].lower()}{item['msg'][1:]}{shown}", _TYPE_MENDS.get(kind, "correct the value")


def _known_keys(loc: Path_) -> list[str]:
    """The keys that may stand at a place, the kind of the step being part of ``loc``."""
    here: list[type[BaseModel]] = [Playbook]
    for part in loc:
        fields = [model.model_fields[part] for model in here if part in model.model_fields]
        tagged = [model for model in here if _is_kind(model, part)]
        here = (
            [model for field in fields for model in _models(field.annotation)] if fields else tagged or here
        )
    return list(dict.fromkeys(name for model in here for name in model.model_fields))


def _kinds() -> list[str]:
    models = _models(Playbook.model_fields["steps"].annotation)
    return [kind for model in models for kind in get_args(model.model_fields["kind"].annotation)]


def _is_kind(model: type[BaseModel], part: str | int) -> bool:
    field = model.model_fields.get("kind")
    return field is not None and part in get_args(field.annotation)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models within an annotation such as ``tuple[A | B, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
