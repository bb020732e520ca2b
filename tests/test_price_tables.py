"""What was misread in silence is refused or said: stray quotes, moved cells, titles, several sheets, idle bulk (R8)."""

import io
import tracemalloc
import zipfile
from decimal import Decimal

import pytest
import xlsxwriter

from adapters.price_files.reading import read_prices
from domain.prices import Status
from tests.test_price_files import offer, packed, reasons, refused, weighed

HEAD = '<row><c t="inlineStr"><is><t>Code</t></is></c><c t="inlineStr"><is><t>Price</t></is></c></row>'


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('"Servicii ORL;;\nA;x;60\nB;y;77\n', 2),
        ('A;x;60\nB;"abc;50\nC;z;70\n', 3),
        ('A;x;60\n"Servicii ORL;;\nB;"y";77\n', 3),
        ('A;x;60\n"Servicii ORL;;\nB;y 12";77\n', 3),
        ('"Servicii ORL\nA;Eco 12";60\nB;y;77\n', 2),
        ('X;"Servicii\nA;Eco 12";60\nB;y;77\n', 2),
        ('A;x;"60\nB;y;77"\n', 2),
        ('A;"Eco\nabd";60\nB;"abc;50\n', 4),
        ('A;"Eco" abd;60\n', 2),
        ('A;"Eco\nabd";"60\n', 3),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quote_that_takes_other_cells_into_its_own_is_refused_by_its_line(
    rows: str, line: int, end: str
) -> None:
    said = refused(f"code;name;price\n{rows}".replace("\n", end).encode(), "list.csv")
    assert (said.reason, said.gaps["line"]) == ("quote-open", str(line))


def test_a_quoted_cell_may_hold_line_breaks_quotes_and_separators() -> None:
    text = 'code;name;price\nA;"Eco; 2D\nabdominală ""2D""";60\nB;Eco 12" mare;70\nC;"z";"80"\n'
    lines = read_prices(text.encode(), "list.csv").lines
    assert [(one.number, one.name, one.amount) for one in lines] == [
        (2, 'Eco; 2D abdominală "2D"', Decimal(60)),
        (4, 'Eco 12" mare', Decimal(70)),
        (5, "z", Decimal(80)),
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("code,price\nA,120,50\nB,1,234.50\nC,9\n", [2, 3]),
        ("code,price,\nA,120,50\nB,70,\nC,9\n", [2]),
        ("code,name,price\nA,Eco, cu doppler,120\nB,x,7,,\n", [2]),
        ("code;price\nA;1;234,50\nB;1\n", [2]),
        ("name,price\nEco, abd,120,50\n", [2]),
    ],
)
def test_a_row_with_more_cells_than_titles_is_wrong(text: str, wrong: list[int]) -> None:
    found = weighed(text, [offer(code, amount="1") for code in "ABC"])
    assert reasons(found) == dict.fromkeys(wrong, "cells-too-many")
    assert all(one.error.said.mend for one in found.verdicts if one.error)


@pytest.mark.parametrize(
    "titles",
    ["Servicii medicale;Tarife 2025;", "Denumire furnizor: X;Valabilitate tarife: 2025;", "Cod;Tarife"],
)
def test_a_title_that_names_services_and_prices_is_not_taken_for_the_header(titles: str) -> None:
    sheet = read_prices(f"{titles}\n;;\nCod;Denumire;Preț\nA;x;100\n".encode(), "list.csv")
    assert (sheet.header_line, sheet.lines[0].code, sheet.lines[0].amount) == (3, "A", Decimal(100))


def test_a_richer_header_further_down_takes_no_priced_row_away() -> None:
    sheet = read_prices("Cod;Preț\nA;100\nCod;Preț;Moneda\nB;200;RON\n".encode(), "list.csv")
    assert (sheet.header_line, [one.code for one in sheet.lines]) == (1, ["A", "B"])


def test_two_columns_with_codes_are_refused_as_two_prices_are() -> None:
    assert refused(b"ID;Cod;Pret\n17;A;100\n", "l.csv").reason == "code-column-unclear"


def test_a_currency_below_the_titles_and_lei_in_two_words_are_understood() -> None:
    offers = [offer("A"), offer("B")]
    below = weighed("Cod;Denumire;Preț\n;;(lei)\nA;x;100\n", offers)
    assert ([one.status for one in below.verdicts], reasons(below)) == ([Status.NEW], {})
    assert reasons(weighed("Cod;Preț\n;(EUR)\nA;100\n", offers)) == {3: "currency-foreign"}
    text = "Cod;Preț;Moneda\nA;1;lei noi\nB;2;Leu românesc\n"
    assert reasons(weighed(text, offers)) == {}


def book_of(*sheets: tuple[str, list[list[str | int]]], hidden: str = "") -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        for name, rows in sheets:
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            if name == hidden:
                sheet.hide()
    return file.getvalue()


def test_a_workbook_with_several_price_lists_is_refused_and_names_them() -> None:
    one: list[list[str | int]] = [["Cod", "Preț"], ["A", 100]]
    two: list[list[str | int]] = [["Cod", "Preț"], ["B", 700]]
    said = refused(book_of(("Note", [["Read"]]), ("Ambulatoriu", one), ("Radiologie", two)))
    assert said.reason == "several-sheets"
    assert "Ambulatoriu, Radiologie" in said.detail
    sheet = read_prices(book_of(("Blank", one[:1]), ("Note", [["Read"]]), ("Radiologie", two)), "list.xlsx")
    assert (sheet.sheet, [line.code for line in sheet.lines]) == ("Radiologie", ["B"])
    assert read_prices(book_of(("A", one), ("B", two), hidden="B"), "list.xlsx").sheet == "A"


def noisy(count: int) -> str:
    """Elements that do not repeat, so that they are packed no better than a price list."""
    return "".join(f"<a{number * 7919 % 1_000_003}/>" for number in range(count))


IDLE = {
    "elements": lambda: packed(sheet1=f"<s>{HEAD}{'<a/>' * 16_000_000}</s>"),
    "rows": lambda: packed(sheet1=f"<s>{HEAD}{'<row></row>' * 5_000_000}</s>"),
    "noise": lambda: packed(sheet1=f"<s>{HEAD}{noisy(2_100_000)}</s>"),
}


@pytest.mark.parametrize("kind", IDLE)
def test_a_workbook_full_of_nothing_is_refused_before_it_is_read(kind: str) -> None:
    """SAFETY, Files: 62 kB that kept the server busy for half a minute; no element reaches a handler now."""
    content = IDLE[kind]()
    tracemalloc.start()
    assert refused(content).reason == "file-too-large"
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_blank_rows_count_and_a_tag_without_end_is_refused() -> None:
    blank = "".join(f'<row r="{number}"/>' for number in range(1, 100_010))
    assert refused(packed(sheet1=f"<s>{HEAD}{blank}</s>")).reason == "file-too-long"
    attributes = "".join(f' a{number * 7919 % 1_000_003}="{number}"' for number in range(200_000))
    assert refused(packed(sheet1=f"<s>{HEAD}<row{attributes}/></s>")).reason == "file-unreadable"


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b";\n", b"\r"])
def test_a_text_full_of_blank_lines_is_refused(blank: bytes) -> None:
    assert refused(b"code;price\n" + blank * 100_001, "list.csv").reason == "file-too-long"
    assert refused(b"code;price\n" + b";" * 2_000_000, "list.csv").reason == "file-too-wide"


def test_20_000_formatted_rows_of_30_columns_pass() -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(
        file, {"constant_memory": True}
    ) as book:  # which writes each text where it stands
        sheet, money = book.add_worksheet(), book.add_format({"num_format": "#,##0.00", "border": 1})
        sheet.write_row(0, 0, ["Code", "Name", "Price", *(f"Note {number}" for number in range(27))])
        for row in range(1, 20_001):
            sheet.write_row(row, 0, [f"C{row}", f"Service {row}", 100 + row % 900], money)
            for column in range(3, 30):
                sheet.write_string(row, column, f"note {column}", money)
    assert len(read_prices(file.getvalue(), "list.xlsx").lines) == 20_000


def test_pictures_in_a_workbook_are_no_cells() -> None:
    real = book_of(("A", [["Cod", "Preț"], ["A", 100]]))
    file = io.BytesIO(real)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/media/image1.png", bytes(range(256)) * 8000)
    assert len(read_prices(file.getvalue(), "list.xlsx").lines) == 1
