"""JSON Schema read far enough to make forms of it: what kind of input each part wants."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

Schema = Mapping[str, Any]
FEW = 4  # as many choices as are better seen at once than folded into a list


class Kind(StrEnum):
    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    DECIMAL = "decimal"
    CLOCK = "clock"
    FLAG = "flag"
    CHOICE = "choice"
    CONST = "const"
    GROUP = "group"
    TICKS = "ticks"
    TABLE = "table"
    LINES = "lines"
    JSON = "json"
    FILE = "file"
    MOMENT = "moment"


@dataclass(frozen=True)
class Choice:
    """One value that may be chosen. ``key`` is what a browser sends for it."""

    value: Any
    schema: Schema

    @property
    def key(self) -> str:
        return key_of(self.value)


@dataclass(frozen=True)
class Shape:
    """One part of a schema, its references followed. ``loose`` parts stand in a group that may be left empty."""

    kind: Kind
    schema: Schema
    root: Schema
    required: bool = True
    nullable: bool = False
    loose: bool = False
    choices: tuple[Choice, ...] = ()
    item: "Shape | None" = field(default=None, repr=False)

    @property
    def optional(self) -> bool:
        return not self.required or self.nullable

    @property
    def default(self) -> Any:
        return self.schema.get("default")

    def properties(self) -> Iterator[tuple[str, "Shape"]]:
        """The parts of a group that a form shows, in the schema's order: `x-hidden` ones are for programs."""
        wanted = self.schema.get("required", ())
        loose = self.loose or self.optional
        for name, part in self.schema.get("properties", {}).items():
            if part.get("x-hidden"):
                continue
            yield name, shape_of(part, self.root, required=name in wanted, loose=loose)

    def choice(self, key: str) -> Choice | None:
        return next((choice for choice in self.choices if choice.key == key), None)


def key_of(value: Any) -> str:
    """How a value is written in a form."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shape_of(schema: Schema, root: Schema, *, required: bool = True, loose: bool = False) -> Shape:
    """The shape of a part; one that no input fits is asked for as JSON, so that any schema can be filled in."""
    plain, nullable = _plain(schema, root)
    kind, choices, item = _kind(plain, root)
    if kind is Kind.FLAG and (loose or nullable or not (required or isinstance(plain.get("default"), bool))):
        # An unticked box says “no”; where nothing may be said at all, there are three answers.
        kind, choices = Kind.CHOICE, (Choice(True, {"title": "Yes"}), Choice(False, {"title": "No"}))
    return Shape(kind, plain, root, required, nullable, loose, choices, item)


def as_row(item: Shape) -> Shape:
    """A table's row: a group whose parts may all be empty."""
    return replace(item, loose=True)


def _plain(schema: Schema, root: Schema) -> tuple[Schema, bool]:
    """Without references and without the null branch; what stands beside a reference wins over it."""
    nullable = False
    while True:
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf")}
        branches = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
        nullable = nullable or len(branches) < len(schema.get("anyOf", ()))
        if "$ref" in schema:
            schema = {**_unnamed(_referred(schema["$ref"], root)), **beside}
        elif len(schema.get("allOf", ())) == 1:
            schema = {**schema["allOf"][0], **beside}
        elif len(branches) == 1:
            schema = {**branches[0], **beside}
        elif branches and {"number", "string"} >= {part.get("type") for part in branches}:
            # a decimal: sent as a string, so that no digit is lost
            texts = next(part for part in branches if part.get("type") == "string")
            return {**texts, **beside, "format": "decimal"}, nullable
        else:
            if isinstance(schema.get("type"), list):
                kinds = [kind for kind in schema["type"] if kind != "null"]
                nullable, schema = nullable or len(kinds) < len(schema["type"]), {**schema, "type": kinds[0]}
            return schema, nullable


def _unnamed(definition: Schema) -> Schema:
    """A definition's own title and description speak to programmers; those of the field speak to people."""
    return {key: value for key, value in definition.items() if key not in ("title", "description")}


def _referred(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    assert isinstance(found, Mapping)
    return found


def _kind(schema: Schema, root: Schema) -> tuple[Kind, tuple[Choice, ...], Shape | None]:
    if "const" in schema:
        return Kind.CONST, (), None
    if choices := _choices(schema):
        return Kind.CHOICE, choices, None
    match schema.get("type"):
        case "object" if schema.get("properties"):
            return Kind.GROUP, (), None
        case "array" if "items" in schema:
            return _list_kind(schema["items"], root)
        case "boolean":
            return Kind.FLAG, (), None
        case "integer" | "number":
            return Kind.NUMBER, (), None
        case "string":
            return _text_kind(schema), _offered(schema), None
    return Kind.JSON, (), None


def _text_kind(schema: Schema) -> Kind:
    """Amounts and times of day are told by what their pattern takes, where no format says it."""
    formats = {
        "textarea": Kind.LONG_TEXT,
        "decimal": Kind.DECIMAL,
        "time": Kind.CLOCK,
        "evidence": Kind.FILE,
    }
    if "x-choices" in schema:
        return Kind.MOMENT
    if schema.get("format") in formats:
        return formats[schema["format"]]
    pattern = schema.get("pattern")
    if pattern is None:
        return Kind.TEXT
    if _takes(pattern, "120.50", "7", but_not=("x", "1,5")):
        return Kind.DECIMAL
    return Kind.CLOCK if _takes(pattern, "09:00", "23:59", but_not=("24:00", "9", "x")) else Kind.TEXT


def _takes(pattern: str, *texts: str, but_not: Sequence[str]) -> bool:
    return all(re.search(pattern, text) for text in texts) and not any(
        re.search(pattern, text) for text in but_not
    )


def _list_kind(items: Schema, root: Schema) -> tuple[Kind, tuple[Choice, ...], Shape | None]:
    item = shape_of(items, root, loose=True)
    if item.kind is Kind.CHOICE:
        return Kind.TICKS, item.choices, item
    if item.kind is Kind.GROUP:
        flat = all(part.kind not in (Kind.GROUP, Kind.TABLE, Kind.TICKS) for _, part in item.properties())
        return (Kind.TABLE if flat else Kind.JSON), (), item
    if item.kind in (Kind.TEXT, Kind.NUMBER):
        return Kind.LINES, (), item
    return Kind.JSON, (), item


def _offered(schema: Schema) -> tuple[Choice, ...]:
    """Values that a field offers beside any other that may be typed."""
    return tuple(Choice(one["const"], one) for one in schema.get("x-choices", ()))


def _choices(schema: Schema) -> tuple[Choice, ...]:
    named: Sequence[Any] = schema.get("oneOf", ())
    if named and all(isinstance(one, Mapping) and "const" in one for one in named):
        return tuple(Choice(one["const"], one) for one in named)
    return tuple(Choice(value, {}) for value in schema.get("enum", ()) if value is not None)
