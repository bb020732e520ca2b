"""Any schema: what a browser sends for a rendered form is the body that it shows."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from api.pages.fields import form_fields
from api.pages.forms import body_from_form, form_items
from api.pages.reader import Reader
from api.pages.rendering import environment
from domain.steps.confirm import Confirm
from tests.visitor import rendered, sent

Built = tuple[dict[str, Any], Any]


_SIGNS = st.characters(exclude_categories=("C", "Z"))
_LINE = st.lists(st.text(_SIGNS, min_size=1, max_size=6), min_size=1, max_size=3).map(" ".join)
_LINES = st.lists(_LINE, min_size=1, max_size=3).map("\n".join)
_KEY = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True)
_CHOICES = st.lists(st.one_of(_LINE, st.integers()), min_size=1, max_size=6, unique_by=str)


def _fixed(schema: dict[str, Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Built]:
    return values.map(lambda value: (schema, value))


def _chosen(choices: list[Any]) -> st.SearchStrategy[Built]:
    one_of = {"oneOf": [{"const": value, "title": f"Choice {value}"} for value in choices]}
    picked = st.sets(st.sampled_from(range(len(choices)))).map(
        lambda places: [choices[at] for at in sorted(places)]
    )
    return st.one_of(
        _fixed({"enum": choices}, st.sampled_from(choices)),
        _fixed(one_of, st.sampled_from(choices)),
        _fixed({"type": "array", "items": one_of, "default": choices}, picked),
    )


_LEAF: st.SearchStrategy[Built] = st.one_of(
    _fixed({"type": "string", "minLength": 1}, _LINE),
    _fixed({"type": "string"}, st.one_of(st.just(""), _LINE)),
    _fixed({"anyOf": [{"type": "string", "maxLength": 4000}, {"type": "null"}]}, st.one_of(st.none(), _LINE)),
    _fixed({"type": "string", "format": "textarea"}, _LINES),
    _fixed({"type": "string", "format": "date"}, st.dates().map(str)),
    _fixed({"type": "integer"}, st.integers()),
    _fixed({"type": "number"}, st.floats(allow_nan=False, allow_infinity=False)),
    _fixed({"type": "boolean"}, st.booleans()),
    _fixed({"const": "2026-01"}, st.just("2026-01")),
    _fixed({"type": "array", "items": {"type": "string"}}, st.lists(_LINE, max_size=3)),
    _fixed(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+\.\d\d$"}]},
        st.decimals(0, 9999, places=2).map(str),
    ),
    _CHOICES.flatmap(_chosen),
)


@st.composite
def _object(draw: st.DrawFn, inside: st.SearchStrategy[Built], *, anchored: bool = False) -> Built:
    """A group; optional parts are there or not. ``anchored`` ones say something for certain."""
    parts = draw(st.dictionaries(_KEY, st.tuples(inside, st.booleans(), st.booleans()), max_size=4))
    properties, body, required = {}, {}, []
    for key, ((schema, value), needed, given_too) in parts.items():
        properties[key] = schema
        empty = value in (None, "", []) or "const" in schema
        if needed or "default" in schema:
            required.append(key)
        if key in required or "const" in schema or (given_too and not empty):
            body[key] = value
    if anchored:
        properties["anchor"], body["anchor"] = {"type": "string", "minLength": 1}, draw(_LINE)
        required.append("anchor")
    return {"type": "object", "properties": properties, "required": required}, body


@st.composite
def _rows(draw: st.DrawFn) -> Built:
    """A table whose rows each say something."""
    first = draw(_LINE)
    row = {
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 1}, "n": {"type": "integer"}},
        "required": ["name"],
    }
    names = draw(st.lists(_LINE, max_size=3))
    rows: list[dict[str, Any]] = [{"name": name} for name in (first, *names)]
    for one in rows:
        if draw(st.booleans()):
            one["n"] = draw(st.integers())
    return {"type": "array", "items": row}, rows


_SCHEMAS = _object(st.one_of(_LEAF, _rows(), _object(_LEAF, anchored=True)))


@given(_SCHEMAS)
def test_a_form_that_is_sent_as_shown_gives_the_body_it_was_made_from(built: Built) -> None:
    schema, body = built
    assert body_from_form(schema, form_items(schema, body)) == body
    assert sent(schema, body) == body


@given(_SCHEMAS)
def test_every_input_has_a_label_and_ids_are_unique(built: Built) -> None:
    schema, body = built
    tags = rendered(form_fields(schema, "en", values=body)).tags
    ids = [got["id"] for _, got in tags if "id" in got]
    assert len(ids) == len(set(ids))
    labelled = {got["for"] for tag, got in tags if tag == "label" and "for" in got}
    for tag, got in tags:
        if tag in ("select", "textarea") or (
            tag == "input" and got.get("type") not in ("hidden", "checkbox", "radio")
        ):
            assert got["id"] in labelled or got.get("aria-label")


@given(_SCHEMAS, st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=8))
def test_whatever_is_sent_is_read_without_failing(built: Built, items: list[tuple[str, str]]) -> None:
    schema, _ = built
    names = [name for name, _ in form_items(schema, built[1])]
    body_from_form(schema, [*items, *((name, value) for name, (_, value) in zip(names, items, strict=False))])


@given(st.text(_SIGNS, min_size=1, max_size=20))
def test_nothing_typed_gets_into_the_page_as_markup(text: str) -> None:
    hostile = f'"><script>{text}</script>'
    page = environment("en").from_string(
        "{% from 'forms.html' import fields with context %}{{ fields(form) }}"
    )
    form = form_fields(
        Confirm.model_json_schema(), "en", values={"name": hostile, "role": hostile, "note": hostile}
    )
    html = page.render(form=form, reader=Reader("en", "UTC"))
    assert "<script>" not in html
    assert str(escape(hostile)) in html
