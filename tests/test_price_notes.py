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
        ("Tariffa CUP", None), ("Cena (zł)", "PLN"), ("Preț (lei / EUR)", "EUR / RON"),
        ("Preț lei moldovenești", "MDL / RON"), ("Price for all, try the top", None), ("Preț (CAS)", None),
        ("Preț coroane (lei)", "RON"), ("Preț (coroane)", None), ("ÁRA", None),
        ("PREZZO ALL INCLUSIVE", None), ("TARIF SOS", None), ("Preis (Dr. Frank)", None), ("Ár nők", None),
        ("Preț (leva)", "BGN"), ("Preț [CAD]", "CAD"), ("Prezzo (franchi)", "CHF"), ("Tariffa (CUP)", None),
        ("Tariffa (Dott. Franchi)", None), ("Prezzo (Dott.ssa Fiorini)", None), ("Preț lire sterline", "GBP"),
    ],
)  # fmt: skip
def test_the_currencies_that_a_text_names_are_known(text: str, currency: str | None) -> None:
    assert currency_in(text) == currency


@pytest.mark.parametrize(
    "said",
    [
        "MDL", "(PLN)", "forinți", "dolari", "franci", "Franken", "SEK", "lei / EUR", "lei moldovenești",
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
        assert [(one.error.column, one.error.said.mend) for one in found.verdicts if one.error] == [
            (f"B (Preț {said})", "Correct the title of the column, or the prices.")
        ]


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
        "scutit de TVA",
        "include TVA 21",
        "lei/consult",
        "pe vizită",
        "áfamentes",
        "ÁFA-val",
        "exprimate în lei",
        "esenti da IVA",
        "a seduta",
        "MwSt.-frei",
        "inkl. gesetzl. MwSt.",
        "pro Behandlung",
        "kezelés",
    ],
)
def test_a_note_below_the_price_that_changes_nothing_is_skipped(said: str) -> None:
    for text in (f"Cod;Preț\n;{said}\nA;120\n", f"Cod;Preț\n;{said}\nB;\nCod;Preț\n;{said}\nA;120\n"):
        found = weighed(text, OFFERS)
        assert ([price.amount for price in found.prices], reasons(found)) == ([Decimal(120)], {})


@pytest.mark.parametrize(
    "said",
    [
        *("vechi", "copii", "mii lei", "per pachet", "pentru 10 ședințe", "10 alkalom", "reducere", "XYZ"),
        *("CARDIOLOGIE", "din pagina 1"),
    ],
)
def test_a_note_below_the_price_that_may_change_it_is_a_wrong_row(said: str) -> None:
    """R8: one row, which can be skipped, and never the whole file."""
    found = weighed(f"Cod;Preț\n;{said}\nA;120\n", OFFERS)
    assert (reasons(found), [price.amount for price in found.prices]) == (
        {2: "price-unreadable"},
        [Decimal(120)],
    )
    assert [one.error.said.gaps for one in found.verdicts if one.error] == [{"said": said}]


def test_a_foreign_currency_is_taken_from_a_note_that_is_wrong() -> None:
    found = weighed("Cod;Preț\n;copii (EUR)\nA;120\n", OFFERS)
    assert reasons(found) == {2: "price-unreadable", 3: "currency-foreign"}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        *(("lei", {}), ("RON cu TVA", {}), ("sau 24 euro", {}), ("(24 €)", {}), ("1 EUR = 4.97 lei", {})),
        *(("Dr. Frank", {}), ("CUP", {}), ("GEL inclus", {}), ("30 min", {})),
        *((said, {2: "currency-foreign"}) for said in ("EUR", "(€)", "euro, cu TVA 19%", "Ft/kezelés")),
        *(
            (said, {2: "currency-foreign"})
            for said in ("EUR (la cursul BNR)", "euro/ședință de 30 min", "€ fix")
        ),
    ],
)
def test_beside_the_price_a_currency_counts_unless_it_has_an_amount_of_its_own(
    said: str, wrong: dict[int, str]
) -> None:
    found = weighed(workbook([["Cod", "Preț"], ["A", 120, said]]), OFFERS, "list.xlsx")
    assert reasons(found) == wrong
    assert {one.error.column for one in found.verdicts if one.error} <= {"C"}


def test_a_second_price_without_a_title_is_refused_in_a_workbook_and_between_the_columns_of_a_text() -> None:
    rows: list[list[Any]] = [["Cod", "Preț"], ["A", 120, 90], ["B", 9]]
    for below in ([], [["", "cu TVA", "fără TVA"]], [["", "lei", "(EUR)"]]):
        problem = refused(workbook([rows[0], *below, *rows[1:]]))
        assert (problem.reason, problem.gaps["other"]) == ("price-column-unclear", "C")
        assert "give it a title" in problem.mend
    assert refused(b"code,price,,notes\nA,44,50,x\n", "list.csv").gaps["other"] == "C"
    beside = read_prices(workbook([["Cod", "Preț"], ["A", 120, "2 ore"], ["", "", 5]]), "list.xlsx")
    assert beside.lines[0].amount == Decimal(120)


def test_numbers_right_of_the_price_are_let_be_where_a_second_row_titles_them_or_they_are_few() -> None:
    titled: list[list[Any]] = [
        ["Cod", "Preț"],
        ["", "(lei)", "Durata", "Medic"],
        ["A", 120, 30],
        ["B", 9, 20],
    ]
    few: list[list[Any]] = [["Cod", "Preț"], ["A", 120], ["B", 9], ["1", 7, 2]]
    for rows in (titled, few):
        found = weighed(workbook(rows), OFFERS, "list.xlsx")
        assert (reasons(found), found.prices[0].amount) == ({}, Decimal(120))
    heading = workbook([["Cod", "Preț"], ["Ecografii", "", "vezi anexa"], ["A", 120, 90]])
    assert refused(heading).reason == "price-column-unclear"
    currency = weighed(
        workbook([["Cod", "Preț"], ["", "", "Moneda"], ["A", 120, "EUR"]]), OFFERS, "list.xlsx"
    )
    assert reasons(currency) == {3: "currency-foreign"}
    adults = weighed(
        workbook([["Cod", "Preț"], ["", "Adulți", "Copii"], ["A", 120, 90]]), OFFERS, "list.xlsx"
    )
    assert reasons(adults) == {2: "price-unreadable"}
    cut = weighed("code,price,,notes\nA,44,50,x\nB,7,,\n1,9,,\n", OFFERS)
    assert reasons(cut) == {2: "price-undecided"}


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
    assert [one.error.said.mend for one in found.verdicts if one.error] == [
        "Take it away if it numbers the columns; else write the currency in the price's cell: 2 lei."
    ]
    assert reasons(weighed("Cod;Preț\n1;2 lei\n", OFFERS)) == {}
    assert reasons(weighed(workbook([["Cod", "Preț"], [1, 2, "lei"]]), OFFERS, "list.xlsx")) == {}
    assert reasons(weighed(formatted(2, '0 "lei"', code="1"), OFFERS, "list.xlsx")) == {}
    assert reasons(weighed("Cod;Preț\nA;7\n1;2\n", OFFERS)) == {}
