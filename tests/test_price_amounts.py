"""Prices as people write them are read as they meant them, or not at all (R8)."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.price_files.amounts import Marks, amount_of, marks_of
from adapters.price_files.headers import Column, header_in, is_total, kind_of
from domain.errors import Invalid
from domain.prices import HIGHEST, Later, in_the_way, is_sudden, raised

AMOUNTS = st.decimals(Decimal("0.01"), HIGHEST, places=2)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("1.234,50", "1234.50", None),
        ("1 234.50", "1234.50", None),
        ("1\u00a0234,50", "1234.50", None),
        ("1\u202f234,5", "1234.50", None),
        ("1'234.50", "1234.50", None),
        ("1’234.50", "1234.50", None),
        ("1.234.567", "1234567", None),
        ("120 lei", "120", "RON"),
        ("120,00RON", "120", "RON"),
        ("RON 120", "120", "RON"),
        ("€ 12,5", "12.50", "EUR"),
        ("12 000 Ft", "12000", "HUF"),
        ("Fr. 120.–", "120", "CHF"),
        ("120,-", "120", None),
        ("120.--", "120", None),
        ("120.", "120", None),
        ("1234.5000", "1234.50", None),
    ],
)
def test_the_ways_in_which_clinics_write_prices_are_understood(
    text: str, amount: str, currency: str | None
) -> None:
    assert amount_of(text, Marks()) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-5", "price-negative"),
        ("−5,00 lei", "price-negative"),
        ("(12)", "price-negative"),
        ("0", "price-zero"),
        ("0,00 lei", "price-zero"),
        ("123456789", "price-absurd"),
        ("0.125", "price-too-fine"),
        ("12.3456", "price-too-fine"),
        ("1.2.3", "price-unreadable"),
        ("12 34", "price-unreadable"),
        ("1.23.456,00", "price-unreadable"),
        ("1.234.567.89", "price-unreadable"),
        ("lei 120 eur", "price-unreadable"),
        ("120 bani", "price-unreadable"),
        ("gratuit", "price-unreadable"),
        ("1e3", "price-unreadable"),
        ("١٢", "price-unreadable"),
        ("12²", "price-unreadable"),
        ("9" * 5000, "price-unreadable"),
    ],
)
def test_what_is_no_price_is_refused_with_reason_and_mend(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        amount_of(text, Marks())
    assert refused.value.reason == reason
    assert refused.value.mend
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(
    ("others", "amount"),
    [
        (["12,50"], "1234"),
        (["1.000.000"], "1234"),
        (["2.500", "8.900", "1.234"], "1234"),
        (["1 000,5"], "1234"),
    ],
)
def test_a_thousand_or_a_fraction_is_decided_by_the_columns_other_values(
    others: list[str], amount: str
) -> None:
    assert amount_of("1.234", marks_of([*others, "1.234"])) == (Decimal(amount), None)


@pytest.mark.parametrize("others", [[], ["120", "85"], ["12,50", "12.50"], ["2.500"]])
def test_what_the_column_cannot_decide_is_said_with_both_readings(others: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        amount_of("1.234", marks_of([*others, "1.234"]))
    assert refused.value.reason == "price-undecided"
    assert "1234" in refused.value.mend


def test_three_decimals_in_a_column_of_points_are_a_slip_and_no_thousands() -> None:
    with pytest.raises(Invalid) as refused:
        amount_of("1.234", marks_of(["12.50"]))
    assert refused.value.reason == "price-too-fine"


@given(
    AMOUNTS,
    st.sampled_from([(",", "."), (" ", ","), ("'", "."), (".", ","), ("\u202f", ","), ("", ".")]),
    st.sampled_from(["{}", "{} lei", "RON {}", "lei {}", " {}RON "]),
)
def test_whatever_is_written_with_two_decimals_is_read_back(
    amount: Decimal, marks: tuple[str, str], form: str
) -> None:
    text = f"{amount:,.2f}".replace(",", "G").replace(".", marks[1]).replace("G", marks[0])
    read, currency = amount_of(form.format(text), marks_of([text]))
    assert read == amount
    assert currency in (None, "RON")


@given(st.text(max_size=60))
def test_no_text_at_all_makes_the_reader_stumble(text: str) -> None:
    with contextlib.suppress(Invalid):
        amount, _ = amount_of(text, marks_of([text]))
        assert 0 < amount <= HIGHEST
        assert amount == amount.quantize(Decimal("0.01"))


@pytest.mark.parametrize(
    ("titles", "found"),
    [
        (["Nr. crt.", "Cod", "Denumire serviciu", "Preț (lei)"], {Column.CODE: 1, Column.NAME: 2, Column.PRICE: 3}),
        (["Leistung", "Preis in EUR"], {Column.NAME: 0, Column.PRICE: 1}),
        (["Vizsgálat neve", "Vizsgálat ára", "Kód"], {Column.NAME: 0, Column.PRICE: 1, Column.CODE: 2}),
        (["Codice prestazione", "Prestazione", "Prezzo €"], {Column.CODE: 0, Column.NAME: 1, Column.PRICE: 2}),
        (["Service code", "Old price", "NEW PRICE", "Currency"], {Column.CODE: 0, Column.PRICE: 2, Column.CURRENCY: 3}),
        (["Nr.", "Leistung", "Bruttopreis"], {Column.NAME: 1, Column.PRICE: 2}),
        (["Leistung", "Verkaufspreis"], {Column.NAME: 0, Column.PRICE: 1}),
        (["Categorie serviciu", "Denumire", "Tarif"], {Column.NAME: 1, Column.PRICE: 2}),
    ],
)  # fmt: skip
def test_titles_are_known_in_five_languages_and_any_order(
    titles: list[str], found: dict[Column, int]
) -> None:
    header = header_in(dict(enumerate(titles)))
    assert header is not None
    assert header.columns == found
    assert header.rival is None


def test_titles_name_a_currency_and_two_prices_are_rivals() -> None:
    header = header_in({0: "Kód", 1: "Ár (Ft)"})
    assert header is not None
    assert header.currency == "HUF"
    rivals = header_in({0: "Cod", 1: "Preț", 2: "Preț fără TVA"})
    assert rivals is not None
    assert rivals.rival == (Column.PRICE, "Preț fără TVA")
    assert header_in({0: "Listă de prețuri 2026"}) is None
    assert kind_of("Durata") is Column.DURATION


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        ("", "Összesen:", True),
        ("TOTAL", "", True),
        ("", "Total general (lei)", True),
        ("", "Valoare totală", True),
        ("", "Gesamtsumme inkl. MwSt", True),
        ("", "Nettó összesen", True),
        ("", "Total examinări", True),
        ("", "Total cardiologie", False),
        ("Total", "fără TVA", True),
        ("", "Total servicii", True),
        ("", "Total (3 servicii)", True),
        ("", "Total cu TVA 19%", True),
        ("", "Total pret lei", True),
        ("", "Gesamtbetrag 3 Leistungen", True),
        ("Total servicii", "", True),
        ("SUM-01", "Total", False),
        ("A1", "Total servicii", False),
        ("", "Total proteine", False),
        ("", "Total T3", False),
        ("", "Totale complessivo €", True),
        ("CT-1", "Total body CT", False),
        ("", "Total IgE", False),
        ("", "Total-body RMN", False),
        ("TOTAL-T4", "T4 total", False),
        ("", "Generală (lei)", False),
        ("", "", False),
    ],
)
def test_a_total_says_that_it_is_one_and_nothing_else(code: str, name: str, expected: bool) -> None:
    assert is_total(code, name) is expected


@pytest.mark.parametrize(
    ("amount", "percent", "rounding", "result"),
    [
        ("100", "5", "0.01", "105.00"),
        ("33.33", "5", "0.01", "35.00"),
        ("10.10", "5", "0.50", "10.50"),
        ("10.00", "2.5", "0.50", "10.50"),
        ("99.99", "-10", "0.10", "90.00"),
        ("110", "5", "1", "116.00"),
        ("50", "5", "5", "55.00"),
        ("49.99", "5", "5", "50.00"),
        ("100", "5", "10", "110.00"),
        ("99.99", "5", "10", "100.00"),
        ("100", "-5", "10", "100.00"),
        ("3", "5", "10", "0.00"),
        ("0.10", "5", "0.01", "0.11"),
    ],
)
def test_raising_rounds_half_up(amount: str, percent: str, rounding: str, result: str) -> None:
    assert str(raised(Decimal(amount), Decimal(percent), Decimal(rounding))) == result


def test_more_than_tenfold_is_sudden_and_exactly_tenfold_is_not() -> None:
    ten, hundred = Decimal(10), Decimal(100)
    assert not is_sudden(ten, hundred)
    assert not is_sudden(hundred, ten)
    assert is_sudden(ten, hundred + 1)
    assert is_sudden(hundred + 1, ten)


def test_later_edits_that_were_taken_back_are_in_nobodys_way() -> None:
    assert in_the_way([]) is None
    assert in_the_way([Later("b", None)]) == "b"
    assert in_the_way([Later("u1", "b"), Later("b", None)]) is None
    assert in_the_way([Later("u2", "u1"), Later("u1", "b"), Later("b", None)]) == "b"
    assert in_the_way([Later("u1", "b"), Later("c", None), Later("b", None)]) == "c"
