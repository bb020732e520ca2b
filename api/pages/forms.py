"""Forms from JSON Schema, and back: :func:`form_items` is what a browser would send, :func:`body_from_form` reads it.

Names are dotted paths (``evidence.date``), rows of a table are numbered (``prices.3.amount``), ticks share one name.
What cannot be told apart in a form is read the simple way: an optional field left empty is left out of the body.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from api.pages.shapes import Kind, Schema, Shape, as_row, key_of, shape_of

Items = Iterable[tuple[str, str]]
Typed = Mapping[str, Sequence[str]]


class _Missing:
    """Nothing was typed, and nothing has to be."""


MISSING: Final = _Missing()


def body_from_form(schema: Schema, form_items: Items) -> dict[str, Any]:
    """The body that a form's items stand for.

    Numbers, booleans and choices are typed; what cannot be read stays as typed, so that the API names the mistake at
    its field. Constants are filled in; empty optional fields and groups are left out; items of no field are ignored.
    """
    return _group(shape_of(schema, schema), "", grouped(form_items))


def form_items(schema: Schema, body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a browser would send for a form that says ``body``."""
    return list(_items_of_group(shape_of(schema, schema), "", body))


def defaults(schema: Schema) -> dict[str, Any]:
    """The body that a form starts from."""
    return _defaults(shape_of(schema, schema))


def grouped(items: Items) -> dict[str, list[str]]:
    typed: dict[str, list[str]] = {}
    for name, value in items:
        typed.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return typed


def under(name: str, part: str | int) -> str:
    return f"{name}.{part}" if name else str(part)


def is_blank(name: str, typed: Typed) -> bool:
    """Whether nothing was typed into any field of a group or row."""
    start = f"{name}."
    return not any(key.startswith(start) and any(value.strip() for value in typed[key]) for key in typed)


def row_count(name: str, typed: Typed) -> int:
    """How many rows of a table were sent."""
    pattern = re.compile(rf"{re.escape(name)}\.(\d{{1,4}})\.")
    return max((int(found[1]) + 1 for key in typed if (found := pattern.match(key))), default=0)


def kept_rows(shape: Shape, name: str, typed: Typed) -> list[int]:
    """The rows that go into the body: not those that are left as they were, with something required still missing."""
    return [
        number for number in range(row_count(name, typed)) if not _is_untouched(shape, name, number, typed)
    ]


def fixed_columns(shape: Shape) -> frozenset[str]:
    """Columns that say which row it is: read-only ones, and those in which every row has a choice of its own."""
    assert shape.item is not None
    rows: list[Mapping[str, Any]] = shape.default or []
    found = set()
    for column, part in shape.item.properties():
        given = [key_of(row.get(column)) for row in rows]
        own = (
            part.kind is Kind.CHOICE
            and set(given) == {choice.key for choice in part.choices}
            and len(set(given)) == len(given)
        )
        if rows and (part.schema.get("readOnly") or own):
            found.add(column)
    return frozenset(found)


def _is_untouched(shape: Shape, name: str, number: int, typed: Typed) -> bool:
    assert shape.item is not None
    row = under(name, number)
    began = (shape.default or [])[number : number + 1]
    before = grouped(_items_of_group(as_row(shape.item), row, began[0])) if began else {}
    missing = touched = False
    for column, part in shape.item.properties():
        key = under(row, column)
        now, then = typed.get(key, []), before.get(key, [])
        filled = any(value.strip() for value in now)
        touched = touched or (filled and now != then)
        missing = missing or (
            part.required and not part.nullable and part.kind is not Kind.CONST and not filled
        )
    return not touched and (missing or is_blank(row, typed))


def _group(shape: Shape, name: str, typed: Typed) -> dict[str, Any]:
    read = ((key, _read(part, under(name, key), typed)) for key, part in shape.properties())
    return {key: value for key, value in read if not isinstance(value, _Missing)}


def _read(shape: Shape, name: str, typed: Typed) -> Any:
    match shape.kind:
        case Kind.CONST:
            return shape.schema["const"]
        case Kind.GROUP:
            return _nothing(shape) if shape.optional and is_blank(name, typed) else _group(shape, name, typed)
        case Kind.FLAG:
            return any(typed.get(name, []))
        case Kind.TICKS:
            return _list(
                shape, [choice.value for choice in shape.choices if choice.key in typed.get(name, ())]
            )
        case Kind.TABLE:
            assert shape.item is not None
            row = as_row(shape.item)
            return _list(
                shape, [_group(row, under(name, number), typed) for number in kept_rows(shape, name, typed)]
            )
    raw = _typed_last(shape, typed.get(name, ()))
    if not raw.strip():
        return _list(shape, []) if shape.kind is Kind.LINES else _nothing(shape)
    return _value(shape, raw)


def _typed_last(shape: Shape, typed: Sequence[str]) -> str:
    """Where values are offered beside a field, what was typed into the field counts before what was chosen."""
    filled = [value for value in typed if value.strip()] if shape.kind is Kind.MOMENT else typed
    return filled[-1] if filled else ""


def _value(shape: Shape, raw: str) -> Any:
    match shape.kind:
        case Kind.NUMBER:
            return _number(raw)
        case Kind.DECIMAL:
            compact = re.sub(r"(?<=\d)[\s\u00a0\u202f](?=\d)", "", raw.strip())
            return re.sub(r"^(-?\d+),(\d{1,2})$", r"\1.\2", compact)
        case Kind.CHOICE:
            choice = shape.choice(raw)
            return choice.value if choice else raw
        case Kind.LINES:
            assert shape.item is not None
            return [_value(shape.item, line) for line in raw.split("\n") if line.strip()]
        case Kind.JSON:
            try:
                return json.loads(raw)
            except ValueError:
                return raw
    return raw


def _number(raw: str) -> int | float | str:
    for kind in (int, float):
        try:
            number = kind(raw.strip())
        except ValueError:
            continue
        return number if abs(number) < float("inf") else raw
    return raw


def _nothing(shape: Shape) -> Any:
    """What an empty field stands for."""
    if not shape.required:
        return MISSING
    if shape.nullable:
        return None
    free = (
        shape.kind in (Kind.TEXT, Kind.LONG_TEXT)
        and not {"minLength", "pattern", "format"} & shape.schema.keys()
    )
    return "" if free else MISSING


def _list(shape: Shape, values: list[Any]) -> Any:
    if values or shape.required or "default" in shape.schema:
        return values
    return MISSING


def _items_of_group(shape: Shape, name: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, part in shape.properties():
        if body.get(key) is not None:
            yield from _items(part, under(name, key), body[key])


def _items(shape: Shape, name: str, value: Any) -> Iterator[tuple[str, str]]:
    if shape.kind is Kind.CONST:
        return
    if shape.kind is Kind.GROUP and isinstance(value, Mapping):
        yield from _items_of_group(shape, name, value)
    elif shape.kind is Kind.FLAG:
        if value:
            yield name, "true"
    elif shape.kind is Kind.TICKS and isinstance(value, Sequence):
        yield from ((name, key_of(one)) for one in value)
    elif shape.kind is Kind.TABLE and isinstance(value, Sequence):
        assert shape.item is not None
        for number, row in zip(_places(shape, value), value, strict=True):
            yield from _items_of_group(as_row(shape.item), under(name, number), row)
    elif shape.kind is Kind.LINES and isinstance(value, Sequence):
        yield name, "\n".join(key_of(one) for one in value)
    elif shape.kind is Kind.JSON:
        yield name, json.dumps(value, ensure_ascii=False)
    else:
        yield name, key_of(value)


def _places(shape: Shape, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """In which row of the table each row of the body is shown: beside its fixed columns, where there are any."""
    fixed = fixed_columns(shape)
    if not fixed:
        return list(range(len(rows)))
    known = [tuple(row.get(column) for column in sorted(fixed)) for row in shape.default]
    mine = [tuple(row.get(column) for column in sorted(fixed)) for row in rows]
    return [known.index(one) if one in known else len(known) + number for number, one in enumerate(mine)]


def _defaults(shape: Shape) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, part in shape.properties():
        if part.default is not None:
            found[key] = part.default
        elif part.kind is Kind.GROUP and not part.optional:
            found[key] = _defaults(part)
    return found
