"""The fields of a form as its template shows them: labels in the reader's language, values, mistakes at their place."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.i18n import say, translations
from api.pages import forms, words
from api.pages.forms import Typed, under
from api.pages.inputs import autocomplete, input_type, limits
from api.pages.shapes import FEW, Choice, Kind, Schema, Shape, as_row, key_of, shape_of
from domain.errors import N_

Mistakes = Iterable[Mapping[str, str]]
FILE_HINT = N_(
    "PDF, e-mail (.eml), PNG or JPEG, 20 MB at most. Needed where you record somebody else's word."
)
FIRST_ROWS, SPARE_ROWS, MOST_ROWS = 5, 2, 1000


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Field:
    """One field. ``widget`` picks the macro; ``attributes`` are the input's own; ``columns`` head a table."""

    name: str
    id: str
    widget: str
    label: str
    hint: str = ""
    required: bool = False
    value: str = ""
    mistakes: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    fields: tuple["Field", ...] = ()
    rows: tuple[tuple["Field", ...], ...] = ()
    columns: tuple["Field", ...] = ()
    is_open: bool = False

    @property
    def described_by(self) -> str:
        return " ".join([f"{self.id}-hint"] * bool(self.hint) + [f"{self.id}-mistake"] * bool(self.mistakes))


@dataclass(frozen=True)
class Form:
    """The fields of a form, and the mistakes that belong to none of them."""

    fields: tuple[Field, ...]
    mistakes: tuple[str, ...]

    @property
    def has_required(self) -> bool:
        return any(one.required or any(part.required for part in one.fields) for one in self.fields)

    @property
    def has_files(self) -> bool:
        return any(one.widget == "file" for field in self.fields for one in (field, *field.fields))


def form_fields(
    schema: Schema,
    language: str,
    *,
    prefix: str = "f",
    values: Mapping[str, Any] | None = None,
    typed: Typed | None = None,
    errors: Mistakes = (),
) -> Form:
    """The form of a schema.

    It shows what was ``typed`` (as the browser sent it), else ``values`` (a body), else the schema's defaults.
    ``prefix`` keeps the ids of several forms on a page apart; ``errors`` are a problem's, each with its ``field``.
    """
    if typed is None:
        typed = forms.grouped(forms.form_items(schema, forms.defaults(schema) if values is None else values))
    writer = _Writer(language, prefix, typed, _by_field(errors))
    fields = tuple(writer.group(shape_of(schema, schema), ""))
    return Form(fields, writer.left_over())


def _by_field(errors: Mistakes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for error in errors:
        said = f"{error.get('problem', '').rstrip('.')}. {error.get('mend', '')}".strip()
        found.setdefault(error.get("field", ""), []).append(said)
    return found


class _Writer:
    def __init__(self, language: str, prefix: str, typed: Typed, mistakes: dict[str, list[str]]) -> None:
        self._language, self._prefix, self._typed, self._mistakes = language, prefix, typed, mistakes

    def left_over(self) -> tuple[str, ...]:
        return tuple(
            said if name in ("", "(body)") else f"{name}: {said}"
            for name, all_said in self._mistakes.items()
            for said in all_said
        )

    def group(
        self, shape: Shape, name: str, error_name: str | None = None, *, in_table: bool = False
    ) -> Iterator[Field]:
        """What has to be filled in comes first; in a row, what is chosen."""
        parts = list(shape.properties())
        later = _comes_later_in_row if in_table else _may_be_left_out
        for key, part in sorted(parts, key=later):
            error = under(name if error_name is None else error_name, key)
            if part.kind is Kind.CONST and in_table:
                label = self._said(part.schema, "title") or words.humanized(key)
                yield Field(
                    under(name, key),
                    self._id(under(name, key)),
                    "shown",
                    label,
                    value=key_of(part.schema["const"]),
                )
            # What only JSON can say is asked for where it must be said, and otherwise left to the API's callers.
            if part.kind is not Kind.CONST and not (part.kind is Kind.JSON and part.optional):
                yield self._field(part, under(name, key), key, error)

    def _id(self, name: str) -> str:
        return re.sub(r"[^A-Za-z0-9_-]", "-", f"{self._prefix}-{name}")

    def _field(self, shape: Shape, name: str, key: str, error_name: str) -> Field:
        inside: dict[str, Any] = self._inside(shape, name, error_name)
        wholly = shape.kind in (Kind.TICKS, Kind.CHOICE, Kind.LINES, Kind.JSON)
        return Field(
            name=name,
            id=self._id(name),
            label=self._said(shape.schema, "title") or words.humanized(key),
            hint=say(self._language, FILE_HINT)
            if shape.kind is Kind.FILE
            else self._said(shape.schema, "description"),
            required=not shape.optional
            and not shape.loose
            and shape.kind not in (Kind.FLAG, Kind.TABLE, Kind.GROUP),
            mistakes=self._take(error_name, deep=wholly),
            **inside,
        )

    def _inside(self, shape: Shape, name: str, error_name: str) -> dict[str, Any]:
        raw = (self._typed.get(name) or [""])[-1]
        match shape.kind:
            case Kind.GROUP:
                parts = tuple(self.group(shape, name, error_name))
                wrong = any(part.mistakes for part in parts)
                folded = shape.optional
                return {
                    "widget": "folded" if folded else "group",
                    "fields": parts,
                    "is_open": wrong or not forms.is_blank(name, self._typed),
                }
            case Kind.TABLE:
                return self._table(shape, name, error_name)
            case Kind.TICKS:
                chosen = self._typed.get(name, ())
                return {"widget": "ticks", "options": self._options(shape.choices, chosen)}
            case Kind.CHOICE:
                few = len(shape.choices) <= FEW and not shape.loose and not shape.optional
                return {
                    "widget": "radios" if few else "select",
                    "options": self._options(shape.choices, (raw,)),
                }
            case Kind.FLAG:
                return {"widget": "flag", "value": raw}
            case Kind.MOMENT:
                return self._moment(shape, self._typed.get(name, ()))
            case Kind.FILE:
                return {"widget": "file", "value": raw, "attributes": input_type(shape)}
            case Kind.LONG_TEXT | Kind.LINES | Kind.JSON:
                return {
                    "widget": "lines" if shape.kind is Kind.LINES else "area",
                    "value": raw,
                    "attributes": limits(shape),
                }
        return {
            "widget": "input",
            "value": raw,
            "attributes": {**input_type(shape), **limits(shape), **autocomplete(shape, name)},
        }

    def _moment(self, shape: Shape, typed: Sequence[str]) -> dict[str, Any]:
        """Offered times, and a field for any other; as typed, of which the last one filled in counts."""
        chosen = [value for value in typed if value.strip()][-1:]
        other = [value for value in chosen if shape.choice(value) is None]
        return {
            "widget": "moment",
            "options": self._options(shape.choices, chosen),
            "value": other[0] if other else "",
            "attributes": input_type(shape),
        }

    def _table(self, shape: Shape, name: str, error_name: str) -> dict[str, Any]:
        assert shape.item is not None
        row, fixed, kept = (
            as_row(shape.item),
            forms.fixed_columns(shape),
            forms.kept_rows(shape, name, self._typed),
        )
        count = len(shape.default or ())
        if not fixed:
            used = max(count, forms.row_count(name, self._typed))
            count = min(max(used + SPARE_ROWS, FIRST_ROWS), int(shape.schema.get("maxItems", MOST_ROWS)))
        rows = []
        for number in range(count):
            # The API counts the rows that it got.
            error = under(error_name, kept.index(number)) if number in kept else under(error_name, "-")
            cells = tuple(
                self._cell(one, fixed) for one in self.group(row, under(name, number), error, in_table=True)
            )
            rows.append(cells)
        heads = tuple(
            _Writer(self._language, self._prefix, {}, {}).group(row, under(name, "head"), in_table=True)
        )
        return {"widget": "table", "rows": tuple(rows), "columns": heads}

    def _cell(self, cell: Field, fixed: frozenset[str]) -> Field:
        if cell.name.rpartition(".")[2] not in fixed:
            return cell
        chosen = next((one for one in cell.options if one.chosen), None)
        shown = Option(chosen.value, chosen.label, True) if chosen else Option(cell.value, cell.value, True)
        return Field(name=cell.name, id=cell.id, widget="fixed", label=cell.label, options=(shown,))

    def _options(self, choices: Sequence[Choice], chosen: Sequence[str]) -> tuple[Option, ...]:
        return tuple(
            Option(
                choice.key, self._said(choice.schema, "title") or self._word(choice.key), choice.key in chosen
            )
            for choice in choices
        )

    def _word(self, key: str) -> str:
        return words.word(key, self._language)

    def _said(self, schema: Schema, what: str) -> str:
        """The schema's own words, in the reader's language where it has them (``x-title``), else by the catalogue."""
        many: Mapping[str, str] = schema.get(f"x-{what}") or {}
        text = many.get(self._language) or schema.get(what) or many.get("en") or ""
        return many.get(self._language) or (translations(self._language).gettext(text) if text else "")

    def _take(self, name: str, *, deep: bool) -> tuple[str, ...]:
        """What is wrong with this field; ``deep`` where its parts have no field of their own."""
        mine = [key for key in self._mistakes if key == name or (deep and key.startswith(f"{name}."))]
        return tuple(said for key in mine for said in self._mistakes.pop(key))


def _may_be_left_out(part: tuple[str, Shape]) -> bool:
    return part[1].optional


def _comes_later_in_row(part: tuple[str, Shape]) -> bool:
    return part[1].kind is not Kind.CHOICE
