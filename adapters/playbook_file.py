"""Reads a YAML file that people write: of every mistake it says file, line, path, problem and mend."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from domain.errors import Invalid

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


def read_text(path: Path) -> str:
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


class Source:
    """The YAML of one file as plain data, the place of everything in it, and what is wrong as YAML."""

    def __init__(self, path: Path):
        self.file = str(path)
        self.wrong: list[Located] = []
        self._places: dict[Path_, tuple[int, int]] = {(): (1, 1)}
        text = read_text(path)
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


def _dotted(path: Path_) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _place(mark: yaml.Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1
