"""Forms from JSON Schema and back: the forms there are, their mistakes and their words."""

from typing import Any

import pytest

from api.pages.fields import Field, Form, form_fields
from api.pages.forms import body_from_form, form_items, grouped
from domain.steps.attest import Attest
from domain.steps.confirm import Confirm, ConfirmOnBehalf, Reject
from tests.visitor import rendered, sent

Built = tuple[dict[str, Any], Any]


def named(form: Form, name: str) -> Field:
    def every(fields: tuple[Field, ...]) -> list[Field]:
        return [
            one
            for field in fields
            for one in (field, *every(field.fields), *(c for r in field.rows for c in r))
        ]

    return next(field for field in every(form.fields) if field.name == name)


EVIDENCE = {"document": "Contract “118/2026” <b>", "date": "2026-03-02"}
FILED = {**EVIDENCE, "file": "evd_1"}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (Attest, {"evidence": EVIDENCE}),
        (
            Attest,
            {
                "evidence": FILED,
                "note": "two\nlines",
                "on_behalf_of": {"party": "provider", "name": "Dr. Pop"},
            },
        ),
        (Confirm, {"name": "Mihai", "role": "IT"}),
        (Reject, {"name": "Mihai", "role": "IT", "reason": "The port\nis closed"}),
        (ConfirmOnBehalf, {"evidence": FILED, "on_behalf_of": {"party": "partner", "name": "Mihai"}}),
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


def test_a_typed_time_counts_before_a_chosen_one() -> None:
    """As a browser sends it without any script: the chosen proposal first, then the field for another time."""
    proposed = {"const": "2026-03-05T08:00:00+00:00", "title": "5 March 2026, 10:00 (Bucharest)"}
    starts = {"type": "string", "format": "date-time", "title": "Begins at", "x-choices": [proposed]}
    schema = {"type": "object", "properties": {"starts_at": starts}, "required": ["starts_at"]}
    chosen = [("starts_at", proposed["const"]), ("starts_at", "")]
    typed = [("starts_at", proposed["const"]), ("starts_at", "2026-03-05T14:30")]
    assert body_from_form(schema, chosen) == {"starts_at": proposed["const"]}
    assert body_from_form(schema, typed) == {"starts_at": "2026-03-05T14:30"}
    assert body_from_form(schema, [("starts_at", "")]) == {}
    for items, ticked, value in ((chosen, True, ""), (typed, False, "2026-03-05T14:30")):
        (field,) = form_fields(schema, "en", typed=grouped(items)).fields
        assert (field.widget, field.options[0].label) == ("moment", proposed["title"])
        assert (field.options[0].chosen, field.value) == (ticked, value)
