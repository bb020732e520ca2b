"""Forms from JSON Schema and back: what a browser sends for a rendered form is the body that it shows."""

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from api.pages.fields import Field, Form, form_fields
from api.pages.forms import body_from_form, form_items, grouped
from api.pages.reader import Reader
from api.pages.rendering import environment
from domain.steps.attest import Attest
from domain.steps.confirm import Confirm, ConfirmOnBehalf, Reject

Built = tuple[dict[str, Any], Any]


class Controls(HTMLParser):
    """What a browser would send of a form: the successful controls, in order. ``form_id`` picks one of several forms."""

    def __init__(self, form_id: str | None = None) -> None:
        super().__init__()
        self._form_id = form_id
        self._is_inside = form_id is None
        self.action = ""
        self.items: list[tuple[str, str]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._select = ""
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        if tag == "form" and self._form_id is not None:
            self._is_inside = got.get("id") == self._form_id
            self.action = got.get("action", "") if self._is_inside else self.action
        if not self._is_inside:
            return
        self.tags.append((tag, got))
        if tag == "input" and (got.get("type") not in ("checkbox", "radio") or "checked" in got):
            self.items.append((got["name"], got.get("value", "")))
        elif tag == "select":
            self._select = got["name"]
            self.items.append((self._select, ""))
        elif tag == "option" and "selected" in got:
            self.items[-1] = (self._select, got["value"])
        elif tag == "textarea":
            self._area = got["name"]
            self.items.append((self._area, ""))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            name, before = self.items[-1]
            self.items[-1] = (name, before + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form_id is not None:
            self._is_inside = False
        if tag == "textarea" and self._area is not None:
            name, text = self.items[-1]
            self.items[-1] = (name, text.removeprefix("\n").replace("\n", "\r\n"))
            self._area = None


def rendered(form: Form) -> Controls:
    page = environment("en").from_string(
        "{% from 'forms.html' import fields with context %}{{ fields(form) }}"
    )
    controls = Controls()
    controls.feed(page.render(form=form, reader=Reader("en", "UTC")))
    return controls


def sent(schema: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The body that arrives when a form showing ``body`` is sent as it is."""
    return body_from_form(schema, rendered(form_fields(schema, "en", values=body)).items)


def named(form: Form, name: str) -> Field:
    def every(fields: tuple[Field, ...]) -> list[Field]:
        return [
            one
            for field in fields
            for one in (field, *every(field.fields), *(c for r in field.rows for c in r))
        ]

    return next(field for field in every(form.fields) if field.name == name)


# --- any schema ----------------------------------------------------------------------------------------------------

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


# --- the forms there are -------------------------------------------------------------------------------------------

EVIDENCE = {"document": "Contract “118/2026” <b>", "date": "2026-03-02"}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (Attest, {"evidence": EVIDENCE}),
        (
            Attest,
            {
                "evidence": EVIDENCE,
                "note": "two\nlines",
                "on_behalf_of": {"party": "provider", "name": "Dr. Pop"},
            },
        ),
        (Confirm, {"name": "Mihai", "role": "IT"}),
        (Reject, {"name": "Mihai", "role": "IT", "reason": "The port\nis closed"}),
        (ConfirmOnBehalf, {"evidence": EVIDENCE, "on_behalf_of": {"party": "partner", "name": "Mihai"}}),
    ],
)
def test_the_bodies_of_steps_survive_the_form(model: Any, body: dict[str, Any]) -> None:
    schema = model.model_json_schema()
    assert sent(schema, body) == body
    model.model_validate(sent(schema, body))


def test_an_optional_group_left_empty_is_left_out_and_one_begun_is_sent() -> None:
    schema = Attest.model_json_schema()
    items = form_items(schema, {"evidence": EVIDENCE})
    assert body_from_form(schema, [*items, ("on_behalf_of.name", " "), ("note", "")]) == {
        "evidence": EVIDENCE
    }
    assert body_from_form(schema, [*items, ("on_behalf_of.name", "Dr. Pop")])["on_behalf_of"] == {
        "name": "Dr. Pop"
    }


def test_what_cannot_be_read_is_passed_on_as_typed() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "c": {"enum": ["a"]}},
        "required": ["n", "c"],
    }
    assert body_from_form(schema, [("n", "many"), ("c", "z")]) == {"n": "many", "c": "z"}


@pytest.mark.parametrize(
    ("typed", "read"), [("120,50", "120.50"), ("1 200,5", "1200.5"), ("1,200", "1,200"), ("7", "7")]
)
def test_an_amount_may_be_typed_with_a_comma(typed: str, read: str) -> None:
    amount = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,7})(\.[0-9]{1,2})?$"}
    schema = {"type": "object", "properties": {"amount": amount}, "required": ["amount"]}
    assert body_from_form(schema, [("amount", typed)]) == {"amount": read}


def prices() -> dict[str, Any]:
    """As the remedy of prices writes it: a row for every service, some without an amount."""
    services = [{"const": f"svc_{n}", "title": f"S{n} Service {n}"} for n in range(3)]
    row = {
        "type": "object",
        "properties": {
            "service_id": {"type": "string", "title": "Service", "oneOf": services},
            "amount": {
                "type": "string",
                "title": "Amount",
                "pattern": r"^(0|[1-9][0-9]{0,7})(\.[0-9]{1,2})?$",
            },
            "currency": {"title": "Currency", "const": "RON"},
        },
        "required": ["service_id", "amount", "currency"],
    }
    default = [
        {"service_id": f"svc_{n}", "amount": amount, "currency": "RON"}
        for n, amount in enumerate((None, "20.00", None))
    ]
    field = {"type": "array", "title": "Prices", "items": row, "default": default}
    return {"type": "object", "properties": {"prices": field}, "required": ["prices"]}


def price(n: int, amount: str) -> dict[str, str]:
    return {"service_id": f"svc_{n}", "amount": amount, "currency": "RON"}


def test_services_without_a_price_are_left_out_of_the_list() -> None:
    schema = prices()
    controls = rendered(form_fields(schema, "en"))
    assert body_from_form(schema, controls.items) == {"prices": [price(1, "20.00")]}
    typed = [(name, "35,5" if name == "prices.2.amount" else value) for name, value in controls.items]
    assert body_from_form(schema, typed) == {"prices": [price(1, "20.00"), price(2, "35.5")]}
    cleared = [(name, "" if name == "prices.1.amount" else value) for name, value in controls.items]
    assert body_from_form(schema, cleared) == {"prices": []}


def test_a_row_names_its_service_and_shows_its_mistake_although_rows_before_it_were_not_sent() -> None:
    schema = prices()
    typed = grouped(
        [("prices.0.service_id", "svc_0"), ("prices.2.service_id", "svc_2"), ("prices.2.amount", "free")]
    )
    errors = [{"field": "prices.0.amount", "problem": "not an amount", "mend": "Write 120.00."}]
    form = form_fields(schema, "en", typed=typed, errors=errors)
    assert named(form, "prices.2.amount").mistakes == ("not an amount. Write 120.00.",)
    assert named(form, "prices.2.amount").value == "free"
    assert named(form, "prices.0.amount").mistakes == ()
    assert named(form, "prices.2.service_id").widget == "fixed"
    assert named(form, "prices.2.service_id").options[0].label == "S2 Service 2"


def test_mistakes_stand_at_their_fields_and_the_rest_on_top() -> None:
    errors = [
        {"field": "evidence.date", "problem": "Field required", "mend": "Add it."},
        {"field": "on_behalf_of.party", "problem": "Field required", "mend": "Add it."},
        {"field": "nowhere", "problem": "Extra", "mend": "Take it away."},
    ]
    form = form_fields(
        Attest.model_json_schema(), "en", typed={"on_behalf_of.name": ["Dr. Pop"]}, errors=errors
    )
    assert named(form, "evidence.date").mistakes == ("Field required. Add it.",)
    assert named(form, "on_behalf_of").is_open
    assert form.mistakes == ("nowhere: Extra. Take it away.",)
    tags = rendered(form).tags
    date = next(got for tag, got in tags if got.get("name") == "evidence.date")
    assert date["aria-invalid"] == "true"
    assert "f-evidence-date-mistake" in date["aria-describedby"]


def test_labels_are_said_in_the_readers_language() -> None:
    schema = {
        "type": "object",
        "properties": {
            "booking": {
                "enum": ["passed", "failed"],
                "title": "Book",
                "x-title": {"en": "Book", "ro": "Programează"},
            }
        },
        "required": ["booking"],
    }
    assert named(form_fields(schema, "ro"), "booking").label == "Programează"
    assert named(form_fields(schema, "de"), "booking").label == "Book"
    assert named(form_fields(schema, "en"), "booking").widget == "radios"


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
