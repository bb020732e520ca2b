"""What a list says of its prices beside them: currencies are never lost, and nothing unclear is let pass (R8)."""

from decimal import Decimal
from typing import Any

import pytest

from adapters.price_files.currencies import currency_in
from adapters.price_files.reading import read_prices
from tests.test_price_files import formatted, offer, reasons, refused, weighed, workbook

OFFERS = [offer(code) for code in ("A", "B", "1")]


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("Preț (lei)", "RON"), ("Preț (lei noi)", "RON"), ("Tarif, RON cu TVA", "RON"), ("Preț", None),
        ("Preț (MDL)", "MDL"), ("Preț mdl", "MDL"), ("Preț (forinți)", "HUF"), ("Preț dolari", "USD"), ("Preț SEK", "SEK"),
        ("Preț (AED)", "AED"), ("Cena (zł)", "PLN"), ("Preț (lei / EUR)", "EUR / RON"),
        ("Preț lei moldovenești", "MDL / RON"), ("Price for all, try the top", None), ("Preț (CAS)", None),
        ("Preț coroane (lei)", "RON"), ("Preț (coroane)", "COROANE"), ("ÁRA", None),
    ],
)  # fmt: skip
def test_the_currencies_that_a_text_names_are_known(text: str, currency: str | None) -> None:
    assert currency_in(text) == currency


@pytest.mark.parametrize(
    "said",
    [
        "MDL", "(PLN)", "forinți", "dolari", "franci", "Franken", "coroane", "SEK", "lei / EUR", "lei moldovenești",
        "euro, cu TVA", "(EUR, cu TVA 19%)", "€/ședință",
    ],
)  # fmt: skip
def test_money_of_another_currency_is_refused_wherever_the_titles_name_it(said: str) -> None:
    """R8: in the title, or in a row below it, before and after a heading."""
    for text in (
        f"Cod;Preț {said}\n;\nA;120\n",
        f"Cod;Preț\n;{said}\nA;120\n",
        f"Cod;Preț\nORL;\n;{said}\nA;120\n",
    ):
        found = weighed(text, OFFERS)
        assert (set(reasons(found).values()), found.prices) == ({"currency-foreign"}, [])
        assert [one.error.column for one in found.verdicts if one.error] == [f"B (Preț {said})"]


@pytest.mark.parametrize(
    "said",
    [
        "lei",
        "(lei, cu TVA)",
        "cu TVA 19%",
        "fără TVA",
        "lei/ședință",
        "RON, TVA inclus",
        "(lei noi)",
        "brutto",
        "TOTAL",
    ],
)
def test_a_note_below_the_price_that_changes_nothing_is_skipped(said: str) -> None:
    for text in (f"Cod;Preț\n;{said}\nA;120\n", f"Cod;Preț\n;{said}\nB;\nCod;Preț\n;{said}\nA;120\n"):
        found = weighed(text, OFFERS)
        assert ([price.amount for price in found.prices], reasons(found)) == ([Decimal(120)], {})


@pytest.mark.parametrize(
    "said", ["vechi", "copii", "mii lei", "per pachet", "pentru 10 ședințe", "reducere", "XYZ"]
)
def test_a_note_below_the_price_that_may_change_it_is_refused_by_its_row(said: str) -> None:
    problem = refused(f"Cod;Preț\n;{said}\nA;120\n".encode(), "list.csv")
    assert (problem.reason, problem.gaps) == ("price-column-unclear", {"row": "2", "said": said})


def test_a_second_price_without_a_title_is_refused_in_a_workbook_and_between_the_columns_of_a_text() -> None:
    rows: list[list[Any]] = [["Cod", "Preț"], ["", "Adulți", "Copii"], ["A", 120, 90]]
    problem = refused(workbook(rows))
    assert (problem.reason, problem.gaps["other"]) == ("price-column-unclear", "C")
    assert refused(workbook([rows[0], rows[2]])).gaps["other"] == "C"
    assert refused(b"code,price,,notes\nA,44,50,x\n", "list.csv").gaps["other"] == "C"
    beside = read_prices(workbook([["Cod", "Preț"], ["A", 120, "2 ore"], ["", "", 5]]), "list.xlsx")
    assert beside.lines[0].amount == Decimal(120)


@pytest.mark.parametrize(
    ("title", "format"), [("Preț (EUR)", "0.00 [$lei-418]"), ("Preț (lei)", "0.00 [$€-407]")]
)
def test_a_title_and_a_format_that_disagree_on_the_currency_are_an_error(title: str, format: str) -> None:
    found = weighed(formatted(120, format, title), OFFERS, "list.xlsx")
    assert (reasons(found), found.prices) == ({2: "currency-foreign"}, [])
    assert reasons(weighed("Cod;Preț (EUR)\nA;120 lei\n", OFFERS)) == {2: "currency-foreign"}


def test_a_title_with_two_currencies_leaves_it_to_the_rows_to_say_which() -> None:
    found = weighed("Cod;Preț (lei / EUR);Moneda\nA;120;lei\nB;120;\n1;120 EUR;\n", OFFERS)
    assert [price.service_id for price in found.prices] == ["srv_A"]
    assert reasons(found) == {3: "currency-foreign", 4: "currency-foreign"}


@pytest.mark.parametrize(
    "rows",
    ["Cod;Denumire;Preț\n1;2;3\n", "Cod;Denumire;Preț;Note\n(0);(1);(2);(3)\n", "Denumire;Preț;Cod\n0;1;2\n"],
)
def test_a_row_that_numbers_the_columns_sets_no_price(rows: str) -> None:
    sheet = read_prices(f"{rows}A;A;120\n".encode(), "list.csv")
    assert [line.number for line in sheet.lines] == [3]


def test_a_row_that_may_number_a_code_and_a_price_is_asked_about() -> None:
    found = weighed("Cod;Preț\n1;2\nA;3\n", OFFERS)
    assert (reasons(found), [price.service_id for price in found.prices]) == (
        {2: "price-undecided"},
        ["srv_A"],
    )
    assert reasons(weighed("Cod;Preț\n1;2 lei\n", OFFERS)) == {}
    assert reasons(weighed("Cod;Preț\nA;7\n1;2\n", OFFERS)) == {}
