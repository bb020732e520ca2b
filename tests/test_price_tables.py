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
        ("code,price,notes\nA,44,50,\nB,120,99,\nC,9,,,\n", [2, 3]),
        ("code,name,price,notes\nA,Eco,44,50,\nB,x,7,ok,\n", [2]),
        ("code;name;price;notes\nA;Eco;2;100;\nB;x;7;\n", [2]),
        ("code,price,notes\nA,44,50,\nB,120,99,\n", [2, 3]),
        ("code,price,vat\nA,44,50,\nB,120.00,19,\n", [2]),
        ("code;price;name\nA;120;Eco;\nB;130;Eco\n", [2]),
    ],
)
def test_a_row_with_more_cells_than_titles_is_wrong(text: str, wrong: list[int]) -> None:
    found = weighed(text, [offer(code, amount="1") for code in "ABC"])
    assert reasons(found) == dict.fromkeys(wrong, "cells-too-many")
    assert all(one.error.said.mend for one in found.verdicts if one.error)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("code,price,notes\nA,1,250\nB,44,00\nC,9\n", [2, 3]),
        ("code,price,notes,\nA,44,50,\nB,RON 44,5,\nC,9,,\n", [2, 3]),
        ("code,price,notes\nA,1.250,50 lei\nB,1,250.00\nC,7,2 ore\n", [2, 3]),
        ("code,price,vat\nA,44,19%\nB,44.50,19\nC,44 lei,19\n", []),
        ("code,price,duration\nA,44,30\nB,45,120\nC,45,1200\n", []),
        ('code,price,notes\nA,"44,50",1\nB,7,1250\nC,9,x\n', []),
        ("code;price;notes\nA;44;50\n", []),
        ("name,price,code\nx,120,101\ny,9,C\n", []),
        ("code,name,price,vat\nA,x,120,19\nB,y,250,9\n", []),
        ("code,name,price,quantity,notes\nA,x,120,1,\nB,y,1250,10,\n", []),
        ("code,price,vat %,name\nA,120,19,Eco\n", []),
        ("code,price,name\nA,120,25 OH vitamina D\nB,44,50\n", [3]),
        ("code,price,vat,notes\nA,120,19\nB,120,19,x\n", [2]),
        ('"code","price","notes"\n"A","120","2"\n"B","950","ok"\n', []),
        ('"code","price","vat","notes"\n"A","120","19"\n"B","950","9",""\n', []),
        ('code,price,notes\nA,120,"2"\nB,"120",2\nC,"1,5",2\n', []),
        ('"code",price,"notes"\n"A",120,2\n"B, C",120,50\n', [2, 3]),
    ],
)
def test_a_price_that_a_comma_may_have_cut_in_two_is_asked_about(text: str, wrong: list[int]) -> None:
    found = weighed(text, [offer(code, amount="20") for code in ("A", "B", "C", "101")])
    assert reasons(found) == dict.fromkeys(wrong, "price-undecided")


@pytest.mark.parametrize("rows", ["A;120;Eco;\n;;Heading\nB;130;RMN;\n", "A;120;19;;\nB;9;5;;\nC;1;x;;y\n"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_separator_that_ends_every_row_makes_none_of_them_wrong(rows: str, separator: str) -> None:
    lines = read_prices(f"code;price;name\n{rows}".replace(";", separator).encode(), "list.csv").lines
    assert [line.code for line in lines if line.amount and not line.faults] == ["A", "B"]


def test_a_comma_that_ends_every_row_is_let_pass_where_no_price_can_be_cut() -> None:
    lines = read_prices(b"code,price,name\nA,120.00,Eco,\nB,130,RMN,\n", "list.csv").lines
    assert [(line.amount, line.faults) for line in lines] == [(Decimal(120), ()), (Decimal(130), ())]


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


def merged_book(*areas: tuple[str, str | int], rows: list[list[str | int]]) -> bytes:
    """The rows, and over them merged areas with what they hold."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("A")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
        for area, value in areas:
            sheet.merge_range(area, value)
    return file.getvalue()


def test_a_price_that_is_merged_over_several_services_is_an_error_in_each_row() -> None:
    """R8: nobody can say whether it is the price of each, or of all together."""
    rows: list[list[str | int]] = [["Cod", "Preț", "Note"], ["A", 9], ["B", 9], ["C", 9], ["D", 9]]
    offers = [offer(code) for code in "ABCD"]
    found = weighed(merged_book(("B3:B4", 250), ("C2:C5", "x"), rows=rows), offers, "list.xlsx")
    assert reasons(found) == dict.fromkeys([3, 4], "cell-unfit")
    assert {one.error.said.detail for one in found.verdicts if one.error} == {
        "The price cell is merged over the rows 3 to 4."
    }
    assert [price.service_id for price in found.prices] == ["srv_A", "srv_D"]


def test_a_price_that_is_merged_over_the_two_lines_of_one_service_is_its_price() -> None:
    rows: list[list[str | int]] = [["Note", "Cod", "Preț"], [], ["second line"], ["", "B", 9]]
    rows += [["", "C"], ["", "D"]]
    content = merged_book(("B2:B3", "A"), ("C2:C3", 250), ("C5:C6", ""), ("A1:A1000", "x"), rows=rows)
    found = weighed(content, [offer(code) for code in "ABCD"], "list.xlsx")
    assert (reasons(found), [str(price.amount) for price in found.prices]) == ({}, ["250.00", "9.00"])


def test_a_service_on_two_lines_with_its_code_and_price_merged_over_both_is_one_service() -> None:
    rows: list[list[str | int]] = [
        ["Cod", "Denumire", "Preț"],
        ["", "Ecografie"],
        ["", "cu Doppler"],
        ["B", "y", 9],
    ]
    offers = [offer("A", "Ecografie"), offer("B", "y")]
    both = weighed(merged_book(("A2:A3", "A"), ("C2:C3", 250), rows=rows), offers, "list.xlsx")
    assert ([str(price.amount) for price in both.prices], reasons(both)) == (["250.00", "9.00"], {})
    assert (len(both.verdicts), both.skipped) == (2, 1), "the second line is no service of its own"
    longer = weighed(
        merged_book(("A2:A3", "A"), ("C2:C4", 250), rows=[*rows[:3], ["B", "y"]]), offers, "list.xlsx"
    )
    assert reasons(longer) == dict.fromkeys([2, 4], "cell-unfit")


@pytest.mark.parametrize(("shared", "replace"), [("ECO", False), ("ECO", True), ("", False), ("", True)])
def test_one_price_that_is_merged_over_two_services_is_wrong_in_both_and_takes_none_away(
    shared: str, replace: bool
) -> None:
    """R8: the code is that of the group; what the second line names is a service of its own."""
    rows: list[list[str | int]] = [
        ["Cod", "Denumire", "Preț"],
        ["", "Abdomen"],
        ["", "Tiroidă"],
        ["A", "x", 9],
    ]
    offers = [
        offer("B", "Abdomen", "200"),
        offer("D", "Tiroidă", "180"),
        offer("A", "x", "8"),
        offer("C", "z", "7"),
    ]
    one_price = merged_book(("A2:A3", shared), ("C2:C3", 250), rows=rows)
    found = weighed(one_price, offers, "list.xlsx", replace=replace)
    assert reasons(found) == dict.fromkeys([2, 3], "cell-unfit")
    assert ([price.service_id for price in found.prices], found.cleared, found.skipped) == (["srv_A"], [], 0)


def test_a_service_below_another_with_the_same_merged_code_and_no_price_keeps_its_own() -> None:
    rows: list[list[str | int]] = [["Cod", "Denumire", "Preț"], ["", "Abdomen", 250], ["", "Tiroidă"]]
    offers = [offer("B", "Abdomen", "200"), offer("D", "Tiroidă", "180")]
    found = weighed(merged_book(("A2:A3", "ECO"), rows=rows), offers, "list.xlsx")
    assert [one.warning.said.reason for one in found.verdicts if one.warning] == [
        "matched-by-name",
        "price-empty",
    ]
    assert [price.service_id for price in found.prices] == ["srv_B"]


def test_a_title_of_the_price_that_is_merged_over_two_prices_is_refused() -> None:
    titles: list[list[str | int]] = [["Cod"], ["", "cu TVA", "fără TVA"]]
    said = refused(merged_book(("B1:C1", "Preț"), rows=[*titles, ["A", 120, 90]]))
    assert said.reason == "price-column-unclear"
    assert "“Preț” and “C”" in said.detail
    rows: list[list[str | int]] = [
        ["Cod"],
        ["", "cu TVA", ""],
        ["A", 120, "lei"],
        ["B", 9, "EUR"],
        ["C", 7, "x"],
    ]
    single = weighed(merged_book(("B1:C1", "Preț"), rows=rows), [offer(code) for code in "ABC"], "list.xlsx")
    assert [price.service_id for price in single.prices] == ["srv_A", "srv_C"]
    assert reasons(single) == {4: "currency-foreign"}


def test_a_second_row_of_titles_below_the_price_is_no_error() -> None:
    offers = [offer("A"), offer("B")]
    assert reasons(weighed("Cod;Denumire;Preț\n;;cu TVA\nA;;100\n", offers)) == {}
    later = weighed("Cod;Denumire;Preț\nA;;100\n;;la cerere\nB;;(lei / EUR)\n", offers)
    assert reasons(later) == {3: "service-missing", 4: "price-unreadable"}
    assert reasons(weighed("Cod;Preț\n;lei / EUR\nA;100\n", offers)) == {3: "currency-foreign"}


@pytest.mark.parametrize("title", ["Pre?", "?r (Ft)", "Pre\ufffd listă"])
def test_a_title_that_lost_letters_is_said_to_have(title: str) -> None:
    said = refused(f"Cod;Denumire;{title}\nA;x;100\n".encode(), "list.csv")
    assert said.reason == "no-header"
    assert "has lost letters" in said.detail
    assert "lost" not in refused(b"Cod;Ce include?\nA;x\n", "list.csv").detail


def test_an_empty_price_of_a_service_without_one_is_a_warning() -> None:
    """R8: of a merged cell a text file keeps the first row's price only."""
    found = weighed("Cod;Preț\nA;250\nB;\n", [offer("A"), offer("B")])
    assert [one.status for one in found.verdicts] == [Status.NEW, Status.UNCHANGED]
    assert [one.warning.said.reason for one in found.verdicts if one.warning] == ["price-empty"]


def test_more_merged_cells_than_a_list_can_have_are_refused() -> None:
    merges = "".join(f'<mergeCell ref="A{row}:B{row}"/>' for row in range(100_001))
    assert refused(packed(sheet1=f"<s>{HEAD}<m>{merges}</m></s>")).reason == "file-too-large"
