"""Price files as clinics really send them: read as meant, or refused at once with the reason (R8; SAFETY, Files)."""

import io
import tracemalloc
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from adapters import i18n
from adapters.price_files import xlsx
from adapters.price_files.csv_text import decoded
from adapters.price_files.reading import read_prices
from adapters.price_files.writing import csv_of, xlsx_of
from api.problems import problem_of
from domain.errors import Invalid
from domain.model import LANGUAGES
from domain.price_import import Verdict, Weighed, weigh
from domain.price_match import MOST_SEARCHES, plain
from domain.prices import HIGHEST, Offer, Priced, Status

SAMPLES = Path(__file__).parent / "price_files"
NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def offer(code: str, name: str = "", amount: str | None = None) -> Offer:
    price = Priced(f"srv_{code}", Decimal(amount), "RON") if amount else None
    return Offer(f"srv_{code}", code, name or f"Service {code}", 30, price)


def weighed(
    content: bytes | str, offers: list[Offer], name: str = "list.csv", replace: bool = False
) -> Weighed:
    raw = content.encode() if isinstance(content, str) else content
    return weigh(read_prices(raw, name).lines, offers, "RON", replace=replace)


def reasons(found: Weighed) -> dict[int, str]:
    """The reason of each error, by line."""
    return {one.line.number: one.error.said.reason for one in found.verdicts if one.line and one.error}


def refused(content: bytes, name: str = "list.xlsx") -> Invalid:
    with pytest.raises(Invalid) as found:
        read_prices(content, name)
    assert found.value.mend
    return found.value


def workbook(rows: list[list[Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, **options}) as book:
        sheet = book.add_worksheet("Prices")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return file.getvalue()


def formatted(price: float, format: int | str, title: str = "Price", code: str = "A") -> bytes:
    """A workbook with that service at that price, shown in that format."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Code", title])
        sheet.write_string(1, 0, code)
        sheet.write_number(1, 1, price, book.add_format({"num_format": format}))
    return file.getvalue()


def packed(**members: str) -> bytes:
    """An XLSX made by hand: one sheet, its XML as given."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        rel = '<Relationship Id="rId1" Target="worksheets/sheet1.xml"/>'
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{rel}</Relationships>")
        book = f'<workbook {NS} xmlns:r="r"><sheets><sheet name="S" r:id="rId1"/></sheets></workbook>'
        archive.writestr("xl/workbook.xml", book)
        for name, content in members.items():
            archive.writestr(
                f"xl/{name}.xml" if name == "sharedStrings" else f"xl/worksheets/{name}.xml", content
            )
    return file.getvalue()


def test_a_workbook_with_merged_titles_and_text_numbers_is_imported_as_the_clinic_means_it() -> None:
    """R8: titles above, sections between, totals below, two price columns, a code kept as a number."""
    offers = [
        offer("ECO-ABD", amount="1100"),
        offer("ECO-TIR"),
        offer("1001"),
        offer("1002"),
        offer("1003", amount="120.10"),
    ]
    name = "armonia-xlsx-merged-titles.xlsx"
    sheet = read_prices((SAMPLES / name).read_bytes(), name)
    assert (sheet.sheet, sheet.header_line) == ("Tarife 2026", 4)
    assert sheet.columns["price"] == "E (Tarif (lei))"
    found = weigh(sheet.lines, offers, "RON", replace=False)
    assert {price.service_id: str(price.amount) for price in found.prices} == {
        "srv_ECO-ABD": "1120.50", "srv_ECO-TIR": "98.00", "srv_1001": "200.00", "srv_1002": "1234.00",
    }  # fmt: skip
    assert (found.skipped, found.count(Status.UNCHANGED), reasons(found)) == (3, 1, {})


def test_a_cp1250_csv_with_semicolons_is_imported_as_the_clinic_means_it() -> None:
    """R8: cedillas of an old encoding, blank lines, subtotals, a service named twice at the same price."""
    offers = [offer(f"A-0{n}", name) for n, name in enumerate(
        ["Consultație și ecografie", "Ședință kinetoterapie", "Analize „pachet mărit”", "Naștere asistată"], 1
    )]  # fmt: skip
    name = "somes-cp1250-semicolon.csv"
    sheet = read_prices((SAMPLES / name).read_bytes(), name)
    assert (sheet.encoding, sheet.separator, sheet.header_line) == ("cp1250", ";", 4)
    assert [line.name for line in sheet.lines[:3]] == [one.name for one in offers[:3]]
    found = weigh(sheet.lines, offers, "RON", replace=False)
    assert [str(price.amount) for price in found.prices] == ["1250.00", "85.00", "310.00", "12500.00"]
    assert (found.skipped, reasons(found)) == (1, {})
    warnings = [one.warning.said.reason for one in found.verdicts if one.warning]
    assert warnings == ["service-twice"]


def test_every_error_in_a_file_with_a_tenth_of_wrong_rows_says_line_column_reason_and_mend() -> None:
    """R8: a receptionist can mend each row by what is said of it."""
    name = "tenth-wrong-comma.csv"
    found = weighed((SAMPLES / name).read_bytes(), [offer(f"X-{n:02}") for n in range(1, 61)], name)
    assert reasons(found) == {
        4: "price-negative", 9: "price-unreadable", 14: "price-too-fine", 23: "formula", 28: "price-zero",
        37: "service-unknown",
    }  # fmt: skip
    said = {one.line.number: one.error for one in found.verdicts if one.line and one.error}
    assert said[4].column == "A (Price)"
    assert "A23" in said[23].said.detail
    assert "X-36" in said[37].said.detail
    assert said[37].column == "C (Item code)"
    assert all(one.said.mend for one in said.values())
    assert (len(found.verdicts), len(said), len(found.prices)) == (60, 6, 54), "a tenth of the rows"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1250", "cp1252", "iso8859_2"]
)
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_encodings_and_separators_are_found_out(encoding: str, separator: str) -> None:
    name = "Visita più è già à" if encoding == "cp1252" else "Szűrő, Öröklődő ü"
    text = f'Name{separator}Price{separator}Code\r\n"{name}"{separator}12.50{separator}A\r\n'
    sheet = read_prices(text.encode(encoding), "list.csv")
    assert (sheet.lines[0].name, sheet.lines[0].amount, sheet.separator) == (
        name,
        Decimal("12.50"),
        separator,
    )


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "Consultaţie şi ecografie, ă â î"),
        ("cp1250", "Szívultrahang, mellűri szűrő, őssejt"),
        ("cp1252", "Visita à domicilio, più è già, perché"),
        ("cp1252", "Prüfung für Ärzte, groß, 50 €"),
        ("iso8859_2", "Consultaţie şi ecografie tiroidiană"),
    ],
)
def test_old_encodings_are_told_apart_by_the_letters_of_our_languages(encoding: str, text: str) -> None:
    assert decoded(text.encode(encoding))[0] == text


def test_rows_that_contradict_each_other_are_wrong_and_those_that_agree_are_not() -> None:
    offers = [offer("A"), offer("B"), offer("C", "Ecografie"), offer("D", "Ecografie")]
    text = "code;name;price\nA;;10\nA;;10\nB;;10\nB;;11\n;Ecografie;5\nA;Service B;10\nZ;Service B;10\n;;7\n"
    found = weighed(text, offers)
    assert reasons(found) == {
        2: "service-twice", 3: "service-twice", 4: "service-twice", 5: "service-twice", 6: "service-ambiguous",
        7: "code-and-name-differ", 8: "service-twice", 9: "service-missing",
    }  # fmt: skip
    alike = weighed("code;price\nA;10\nA;10,00\n", offers)
    assert [one.status for one in alike.verdicts] == [Status.NEW, Status.UNCHANGED]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("A;10\nA;11\n", "with different prices"),
        ("A;10\nA;\nA;11\n", "with different prices"),
        ("A;10\nA;\n", "one of them has no price"),
        ("A;abc\nA;10\n", "one of them has no price"),
        ("A;10 EUR\nA;10\n", "one of them has no price"),
    ],
)
def test_rows_of_one_service_are_told_apart_by_prices_or_by_the_lack_of_one(rows: str, said: str) -> None:
    found = weighed(f"code;price\n{rows}", [offer("A", amount="5")])
    assert found.prices == []
    twice = [
        one.error.said for one in found.verdicts if one.error and one.error.said.reason == "service-twice"
    ]
    assert twice
    assert all(said in one.detail for one in twice)


def test_a_row_that_begins_as_a_total_is_told_to_be_taken_away_if_it_is_one() -> None:
    """R8: “the nearest is …” would send the receptionist the wrong way."""
    offers = [offer("C", "Consultație cardiologie"), offer("T", "Total IgE")]
    found = weighed(
        "name;price\nTotal cardiologie;200\nTotal IgE;80\nX;1\nÖsszesen bruttó;1\nTotal analize;12\n", offers
    )
    mends = {one.line.number: one.error.said.mend for one in found.verdicts if one.line and one.error}
    assert (list(mends), found.skipped) == ([2, 4], 2)
    assert mends[2].startswith("If this row adds up others, take it away;")
    assert "adds up" not in mends[4]


def test_money_of_another_currency_is_an_error_wherever_it_is_named() -> None:
    offers = [offer("A"), offer("B")]
    assert reasons(weighed("code;price (EUR)\nA;10\n", offers)) == {2: "currency-foreign"}
    assert reasons(weighed("code;price;currency\nA;10;EUR\nB;10;lei\n", offers)) == {2: "currency-foreign"}
    assert reasons(weighed("code;price\nA;10 €\nB;10 lei\n", offers)) == {2: "currency-foreign"}


def test_merge_keeps_prices_that_the_file_does_not_name_and_replace_drops_them() -> None:
    offers = [offer("A", amount="1"), offer("B", amount="2"), offer("C", amount="3"), offer("D", amount="4")]
    text = "code;price\nA;10\nB;\nC;3\n"
    merged = weighed(text, offers)
    assert [one.status.value for one in merged.verdicts] == ["changed", "unchanged", "unchanged"]
    replaced = weighed(text, offers, replace=True)
    assert replaced.cleared == ["srv_B", "srv_D"]


@pytest.mark.parametrize(
    "text",
    [
        "code;name;price\nQ;;6\nX9;RMN Cerebral;950\n",
        "price,code,name\n6,Q,Service Q\n950,50,M,RMN cerebral\n",
        "code;name;price\nQ;;6\nL-1;;44\n",
        "code;name;price\nQ;;6\n;Eco;10\n",
        "code;name;price\nQ;RMN cerebral;6\nL1;;4\n",
        "code;price\nQ;6\nL1;wrong\n",
        "code;price\nQ;6\nM;\nL1;1\nL1;2\n",
        "code;price\nL1;wrong\n",
    ],
)
def test_while_a_row_is_wrong_replace_takes_no_price_away_and_says_so(text: str) -> None:
    """R8: a wrong row may mean any service, by a mistyped code, a name written otherwise, cells that moved."""
    offers = [offer("L1", amount="1"), *(offer(code, "Eco", "2") for code in ("E1", "E2"))]
    offers += [offer("M", "RMN cerebral", "900"), offer("Q", amount="5")]
    found = weighed(text, offers, replace=True)
    assert (found.cleared, found.count(Status.ERROR) > 0) == ([], True)
    told = {one.offer.code for one in found.verdicts if one.offer and kept(one)}
    named = {one.offer.code for one in found.verdicts if one.offer and one.line and not kept(one)}
    assert told == {"L1", "E1", "E2", "M", "Q"} - named
    assert weighed("code;price\nQ;6\n", offers, replace=True).cleared == [
        f"srv_{code}" for code in ("L1", "E1", "E2", "M")
    ]


def kept(one: Verdict) -> bool:
    """Whether it is said that the service keeps its price only because a row is wrong."""
    is_kept = one.warning is not None and one.warning.said.reason == "price-kept"
    assert not is_kept or (one.offer is not None and one.new == one.offer.price)
    return is_kept


def test_a_name_without_its_accents_is_told_the_service_that_it_means_however_many_there_are() -> None:
    """R8: else the mend is to add a service that is there already."""
    offers = [offer(f"S{number:03}", f"Analiză numărul {number:03}") for number in range(MOST_SEARCHES + 10)]
    rows = [one.name.replace("ă", "a").upper() for one in offers]
    for text in ("name;price\n", "code;name;price\n"):
        lines = "".join(f"{'X;' if text[0] == 'c' else ''}{row};12\n" for row in rows)
        errors = [one.error.said for one in weighed(text + lines, offers).verdicts if one.error]
        assert {said.reason for said in errors} == {"service-unknown"}
        near = [said.gaps.get("code_") or said.gaps.get("near") for said in errors]
        assert near == [one.code for one in offers]


def test_the_nearest_to_an_unknown_code_is_looked_for_by_its_name_too() -> None:
    offers = [offer("A", "Ecografie abdominală"), offer("B", "RMN cerebral")]
    (said,) = [
        one.error.said
        for one in weighed("code;name;price\nX9;RMN cerebal;950\n", offers).verdicts
        if one.error
    ]
    assert said.gaps["near"] == "B"


def test_a_service_whose_name_begins_with_total_is_not_skipped() -> None:
    """R8: what no service is called is said, with the nearest; only a row that is nothing but a total is left out."""
    offers = [offer("L1", "IgE total"), offer("L3", "Total body RMN")]
    found = weighed(
        "code;name;price\n;Total IgE;80\n;Total-body RMN;900\nTOTAL-T4;;30\n;TOTAL;1010\n", offers
    )
    assert reasons(found) == dict.fromkeys([2, 3, 4], "service-unknown")
    assert found.skipped == 1


def test_codes_that_look_the_same_are_told_apart_by_their_signs_or_asked_about() -> None:
    offers = [offer(code, amount="1") for code in ("A  B", "A B", "ş", "ș")]
    assert reasons(weighed("code;price\nA  B;2\nA B;3\nş;4\nș;5\n", offers)) == {}
    assert reasons(weighed("code;price\nA   B;2\n", offers)) == {2: "service-ambiguous"}


def test_a_price_that_moves_more_than_tenfold_is_sudden() -> None:
    found = weighed("code;price\nA;101\nB;100\n", [offer("A", amount="10"), offer("B", amount="10")])
    assert [one.is_sudden for one in found.verdicts] == [True, False]


def test_a_formula_is_an_error_that_names_its_cell_and_its_last_result_is_never_taken() -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Code", "Price"])
        sheet.write_string(1, 0, "A")
        sheet.write_formula(1, 1, "=1+1", None, 120)
    found = weighed(file.getvalue(), [offer("A")], "list.xlsx")
    assert reasons(found) == {2: "formula"}
    assert "B2" in next(one.error.said.detail for one in found.verdicts if one.error)
    assert reasons(weighed('code;price\nA;"=1+1"\n', [offer("A")])) == {2: "formula"}


@pytest.mark.parametrize(
    "format", [14, 17, 20, 22, 30, 46, 57, "dd.mm.yyyy", "[$-418]d mmm;@", "[h]:mm", "mm:ss.0", "d\\.m\\."]
)
def test_a_price_that_a_spreadsheet_made_a_date_is_an_error_that_names_its_cell(format: int | str) -> None:
    """“12.05” typed into Excel is the 12th of May, kept as 46154."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Code", "Price"])
        sheet.write_row(1, 0, ["A", 10])
        sheet.write_string(2, 0, "B")
        sheet.write_number(2, 1, 46154, book.add_format({"num_format": format}))
    found = weighed(file.getvalue(), [offer("A"), offer("B")], "list.xlsx")
    assert reasons(found) == {3: "cell-unfit"}
    said = next(one.error.said for one in found.verdicts if one.error)
    assert "B3" in said.detail
    assert said.mend == "Format the column as a number and type the price."
    assert [str(price.amount) for price in found.prices] == ["10.00"]


@pytest.mark.parametrize(
    "format",
    [
        0, 2, 4, 7, 39, 44, "General", '#,##0.00 "lei/ședință"', "#,##0.00\\ [$lei-418]", "[$RON] #,##0.00",
        "#,##0.00 RON", "[Red]0.00;[Black]-0.00", "#,##0.00_d;-0", r"0.00\ \d\a\y", "@", '0.00 "% TVA"',
    ],
)  # fmt: skip
def test_a_price_with_a_number_or_currency_format_is_an_amount(format: int | str) -> None:
    found = weighed(formatted(120.5, format), [offer("A")], "list.xlsx")
    assert [str(price.amount) for price in found.prices] == ["120.50"]


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ("#,##0.00 [$€-407]", "EUR"), ('"€" 0.00', "EUR"), ('0.00 "EUR"', "EUR"), (r"\€0.00", "EUR"), ("€ #,##0.00", "EUR"),
        ("[$USD] #,##0.00", "USD"), ("#,##0.00 USD", "USD"), ("[$SFr.-807] 0.00", "CHF"), ("#,##0\\ [$Ft-40E]", "HUF"),
        ("0.00 [$zł-415]", "PLN"), ("0.00 [$kn-41A]", "KN"),
        ('0.00 "forinți"', "HUF"), ('0.00 "lei/EUR"', "EUR / RON"), ("0.00 [$CA$-1009]", "CA$"), ('_-* #,##0.00 "€"_-;-* #,##0.00 "€"_-', "EUR"),
    ],
)  # fmt: skip
def test_a_price_that_a_workbook_shows_in_another_currency_is_an_error(format: str, said: str) -> None:
    """R8: the euros that the clinic sees are no lei."""
    found = weighed(formatted(120, format), [offer("A")], "list.xlsx")
    assert reasons(found) == {2: "currency-foreign"}
    assert [one.error.said.gaps["said"] for one in found.verdicts if one.error] == [said]


@pytest.mark.parametrize("format", [9, 10, "0%", "#,##0.0 %"])
def test_a_percentage_is_no_price(format: int | str) -> None:
    found = weighed(formatted(0.5, format), [offer("A")], "list.xlsx")
    assert reasons(found) == {2: "cell-unfit"}
    assert [one.error.said.detail for one in found.verdicts if one.error] == ["Cell B2 holds a percentage."]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [("b", "1", "cell-unfit"), ("d", "2026-05-12", "cell-unfit"), ("e", "#N/A", "cell-unfit")],
)
def test_a_truth_value_a_day_and_an_error_are_no_prices(kind: str, value: str, reason: str) -> None:
    xml = (
        '<worksheet><row r="1"><c r="A1" t="str"><v>Code</v></c><c r="B1" t="str"><v>Price</v></c></row>'
        f'<row r="2"><c r="A2" t="str"><v>A</v></c><c r="B2" t="{kind}"><v>{value}</v></c></row>'
        f'<row r="3"><c r="A3" t="{kind}"><v>{value}</v></c></row>'
        f'<row r="4"><c r="A4" t="str"><v>B</v></c><c r="B4" t="{kind}"/></row></worksheet>'
    )
    found = weighed(packed(sheet1=xml), [offer("A"), offer("B")], "list.xlsx")
    assert reasons(found) == {2: reason}
    assert (found.prices, found.skipped) == ([], 1)
    assert "B2" in next(one.error.said.detail for one in found.verdicts if one.error)


def test_a_code_that_became_a_date_is_an_error_and_a_date_in_a_heading_is_not() -> None:
    """The code “1-2” becomes the first of February; a date beside an empty price says since when the list holds."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": 14})
        sheet.write_row(0, 0, ["Code", "Name", "Price"])
        sheet.write_number(1, 0, 46143, day)
        sheet.write_number(2, 0, 46054, day)
        sheet.write_row(2, 1, ["Service 1-2", 12])
    found = weighed(file.getvalue(), [offer("1-2")], "list.xlsx")
    assert (found.prices, found.skipped, list(reasons(found))) == ([], 1, [3])
    (line,) = [line for line in read_prices(file.getvalue(), "list.xlsx").lines if line.number == 3]
    assert [(fault.column, fault.said.reason) for fault in line.faults] == [("A (Code)", "cell-unfit")]
    assert line.faults[0].said.mend == "Format the column as text and type the value."


@pytest.mark.parametrize("language", i18n.TRANSLATED)
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "list.csv"),
        (b"%PDF-1.7 ...", "list.xlsx"),
        (b"code;price\nA;1\n", "list.xlsx"),
        (b"code;price\nA;1\n", "list"),
        (b"\x89PNG\r\n\x1a\n", "list.png"),
        (b"abc\0\1\2" * 100, "list.csv"),
        (b"PK\x03\x04", "list.xlsx"),
        (b"\xff\xfe\x00\xd8", "list.csv"),
        (b"code;price\n" + b"x" * 200_000, "list.csv"),
    ],
)
def test_a_refused_file_is_told_wholly_in_the_readers_language(
    content: bytes, name: str, language: str
) -> None:
    """No English words are left in what is said, the reason in a gap included."""
    problem = refused(content, name)
    said = problem_of(problem, language)
    assert said.detail != problem_of(problem).detail
    assert said.mend != problem.mend
    catalogue = i18n.translations(language)
    whats = [problem.gaps["what"]] if problem.gaps.get("what") else []
    for message in (problem.detail_id, *whats):
        assert catalogue.gettext(message) != message
    assert all(catalogue.gettext(what) in said.detail for what in whats)


@pytest.mark.parametrize(
    ("content", "name", "what"),
    [
        (b"%PDF-1.7 ...", "list.xlsx", "PDF"),
        (b"%PDF-1.7 ...", "list.csv", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "list.xls", "old Excel"),
        (b"  <html><table><tr><td>Code", "list.xlsx", "HTML"),
        (b"<?xml version='1.0'?><x/>", "list.xlsx", "XML"),
        (b"code;price\nA;1\n", "list.xlsx", "is called an Excel workbook"),
        (b"code;price\nA;1\n", "list.pdf", "ends in neither"),
        (b"code;price\nA;1\n", "list", "ends in neither"),
        (b"\x89PNG\r\n\x1a\n", "list.png", "picture"),
        (b"abc\0\1\2" * 100, "list.csv", "no text"),
        (b"", "list.csv", "empty"),
    ],
)
def test_a_wrong_file_is_refused_with_what_it_is_and_what_to_send(
    content: bytes, name: str, what: str
) -> None:
    problem = refused(content, name)
    assert problem.reason == "wrong-file-type"
    assert what in problem.detail
    assert "XLSX" in problem.mend


def test_archives_that_are_no_workbook_are_refused_by_name() -> None:
    for inner, what in (
        ("content.xml", "OpenDocument"),
        ("word/document.xml", "Word"),
        ("a.txt", "ZIP"),
        ("xl/vbaProject.bin", "macros"),
    ):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(inner, "x")
        assert what in refused(file.getvalue()).detail
    assert refused(workbook([["code", "price"]])[:-40]).reason == "file-unreadable"
    assert "workbook" in refused(workbook([["code", "price"]]), "list.csv").detail


def test_a_zip_bomb_is_refused_without_being_unpacked() -> None:
    """SAFETY, Files: what unpacks to 199 MB is not unpacked at all."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as member:
            for _ in range(199):
                member.write(b"0" * 1_000_000)
    tracemalloc.start()
    assert refused(file.getvalue()).reason == "file-too-large"
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_an_archive_that_lies_about_its_size_is_refused_too() -> None:
    real = packed(sheet1="<worksheet>" + " " * 5_000_000 + "</worksheet>")
    size = (5_000_000 + len("<worksheet></worksheet>")).to_bytes(4, "little")
    assert size in real
    assert refused(real.replace(size, (1000).to_bytes(4, "little"))).reason == "file-too-large"


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet>&a;</worksheet>', "file-unreadable"),
        ("<worksheet><row", "file-unreadable"),
        ("<worksheet/>", "no-header"),
        ('<worksheet><row r="1"><c r="XFD1" t="str"><v>x</v></c></row></worksheet>', "file-too-wide"),
        ('<worksheet><row r="1"><c r="A1" t="s"><v>999999999999</v></c></row></worksheet>', "no-header"),
    ],
)
def test_hostile_sheets_are_refused(xml: str, reason: str) -> None:
    assert refused(packed(sheet1=xml)).reason == reason


def test_a_cell_at_the_end_of_the_world_costs_nothing() -> None:
    xml = (
        '<worksheet><row r="1"><c r="A1" t="str"><v>Code</v></c><c r="B1" t="str"><v>Price</v></c></row>'
        '<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>A_x0041_</t></is></c><c r="B1048576"><v>120.09999999999999</v></c></row>'
        "</worksheet>"
    )
    (line,) = read_prices(packed(sheet1=xml), "list.xlsx").lines
    assert (line.number, line.code, line.amount) == (1048576, "AA", Decimal("120.10"))


def test_too_many_rows_or_columns_are_refused() -> None:
    head = "code;price\n"
    assert len(read_prices((head + "A;1\n" * 20_000).encode(), "l.csv").lines) == 20_000
    assert refused((head + "A;1\n" * 20_001).encode(), "l.csv").reason == "file-too-long"
    assert refused((head + "A;1" + ";x" * 99 + "\n").encode(), "l.csv").reason == "file-too-wide"
    assert refused(b"code;price;price net\nA;1;2\n", "l.csv").reason == "price-column-unclear"


def test_20_000_unknown_codes_are_each_answered() -> None:
    offers = [offer(f"ECO{n:05}") for n in range(20_000)]
    found = weighed("code;price\n" + "".join(f"QCO-{n:05}X;1\n" for n in range(20_000)), offers)
    assert found.count(Status.ERROR) == 20_000


CELLS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20),
    st.integers(-9999, 9999),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=6))
def test_our_reader_sees_in_a_workbook_what_another_one_sees(rows: list[list[Any]]) -> None:
    content = workbook(rows)
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    theirs = {
        (row + (sheet.start or (0, 0))[0], column + (sheet.start or (0, 0))[1]): value
        for row, cells in enumerate(sheet.to_python(skip_empty_area=True))
        for column, value in enumerate(cells)
        if value != ""
    }
    ours = {
        (number - 1, column): cell
        for _, found, _ in xlsx.sheets_of(content)
        for number, cells in found
        for column, cell in cells.items()
    }
    assert {at: str(float(cell) if isinstance(cell, Decimal) else cell) for at, cell in ours.items()} == {
        at: str(value) for at, value in theirs.items()
    }


WORDS = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=30)
    .map(str.strip)
    .filter(plain)
)
PRICES = st.one_of(st.none(), st.decimals(Decimal("0.01"), HIGHEST, places=2))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(WORDS, WORDS, PRICES), min_size=1, max_size=12, unique_by=lambda row: row[0]),
    language=st.sampled_from(LANGUAGES),
    is_csv=st.booleans(),
)
def test_what_was_exported_changes_nothing_when_it_is_imported_again(
    rows: list[tuple[str, str, Decimal | None]], language: str, is_csv: bool
) -> None:
    """R8: whatever codes and names there are, formula characters included."""
    offers = [
        Offer(f"srv_{n}", code, name, 30, Priced(f"srv_{n}", amount, "RON") if amount else None)
        for n, (code, name, amount) in enumerate(rows)
    ]
    content = (
        csv_of(offers, "RON", language) if is_csv else xlsx_of(offers, "RON", language, "Generali: [a/b]")
    )
    found = weighed(content, offers, "export.csv" if is_csv else "export.xlsx", replace=True)
    assert {one.status for one in found.verdicts} == {Status.UNCHANGED}, reasons(found)


def test_an_exported_text_never_calculates() -> None:
    """SAFETY, Files: no cell of an export begins with what a spreadsheet takes for a formula."""
    offers = [offer(code, '=HYPERLINK("x")') for code in ("=1+1", "+1", "-1", "@x", "'=1")]
    lines = csv_of(offers, "RON", "en").decode("utf-8-sig").splitlines()[1:]
    assert all(line.startswith("'") or line.startswith("\"'") for line in lines)
    with zipfile.ZipFile(io.BytesIO(xlsx_of(offers, "RON", "en", "x"))) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
