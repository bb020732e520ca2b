"""Reads a price file, whatever clinic made it, into lines that :mod:`domain.price_import` can weigh (R8).

Slow for what the event loop can bear (a second for the largest file): call it in a thread.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice

from adapters.price_files import csv_text, xlsx
from adapters.price_files.amounts import CURRENCY_WORDS, Marks, amount_of, checked, marks_of
from adapters.price_files.grid import Cell, Formula, Odd, Row, Rows, Unfit, letter_of, shown
from adapters.price_files.headers import Column, Header, header_in, is_total, words_of
from adapters.price_files.kinds import Kind, kind_of
from domain.errors import N_, Invalid
from domain.price_import import Fault, Line
from domain.prices import MOST_SERVICES

HEADER_WITHIN = 50
_HOLDS = {
    Odd.DATE: N_("Cell {cell} holds a date, whatever was typed there."),
    Odd.TRUTH: N_("Cell {cell} holds TRUE or FALSE, which is no value."),
    Odd.ERROR: N_("Cell {cell} holds the error {text}."),
}
_KEPT = (Column.CODE, Column.NAME, Column.PRICE, Column.CURRENCY)


@dataclass(frozen=True)
class PriceSheet:
    """The lines of a file, and how it was read."""

    lines: list[Line]
    header_line: int
    columns: dict[str, str]
    sheet: str | None = None
    encoding: str | None = None
    separator: str | None = None


@dataclass(frozen=True)
class _Table:
    """A header, and the cells below it that matter."""

    header: Header
    line: int
    rows: list[Row] = field(default_factory=list)


def read_prices(content: bytes, name: str) -> PriceSheet:
    """The file's prices. Invalid, with the reason and the mend, where it cannot be one or is too large."""
    if kind_of(content, name) is Kind.XLSX:
        return _from_workbook(content)
    text, encoding = csv_text.decoded(content)
    separator = csv_text.separator_of(text, _recognised)
    table = _table(csv_text.rows_of(text, separator))
    if table is None:
        raise _no_header()
    return _sheet(table, encoding=encoding, separator=separator)


def _from_workbook(content: bytes) -> PriceSheet:
    """The first sheet with a header that we know."""
    with closing(xlsx.sheets_of(content)) as sheets:
        for name, rows in sheets:
            if table := _table(rows):
                return _sheet(table, sheet=name)
    raise _no_header()


def _recognised(rows: Rows) -> int:
    found = _found_header(rows)
    return len(found[1].columns) if found else 0


def _found_header(rows: Rows) -> tuple[int, Header] | None:
    for number, cells in islice(rows, HEADER_WITHIN):
        if header := header_in({at: shown(cell) for at, cell in cells.items()}):
            return number, header
    return None


def _table(rows: Rows) -> _Table | None:
    found = _found_header(rows)
    if found is None:
        return None
    line, header = found
    if header.rival is not None:
        raise Invalid(
            "Two columns could be the price: “{one}” and “{other}”.",
            mend="Keep the column with the price that the partner pays, and take the other away.",
            code="price-column-unclear",
            one=header.titles[Column.PRICE],
            other=header.rival,
        )
    table = _Table(header, line)
    wanted = set(header.columns.values())
    for number, cells in rows:
        kept = {at: cell for at, cell in cells.items() if at in wanted}
        if not kept or _repeats(header, kept):
            continue
        table.rows.append((number, kept))
        if len(table.rows) > MOST_SERVICES:
            raise Invalid(
                "The file has more than {most} rows.",
                mend="Send it in parts of at most {most} rows each.",
                code="file-too-long",
                most=MOST_SERVICES,
            )
    return table


def _repeats(header: Header, cells: dict[int, Cell]) -> bool:
    """Whether a row is the header once more, as on each page of a printed list."""
    return all(shown(cells.get(header.columns[kind])) == title for kind, title in header.titles.items())


def _sheet(
    table: _Table, sheet: str | None = None, encoding: str | None = None, separator: str | None = None
) -> PriceSheet:
    header = table.header
    columns = {kind.value: f"{letter_of(at)} ({header.titles[kind]})" for kind, at in header.columns.items()}
    price = header.columns[Column.PRICE]
    marks = marks_of(cell for _, cells in table.rows if isinstance(cell := cells.get(price), str))
    lines = [_line(number, cells, header, columns, marks) for number, cells in table.rows]
    return PriceSheet(lines, table.line, columns, sheet, encoding, separator)


def _line(number: int, cells: dict[int, Cell], header: Header, columns: dict[str, str], marks: Marks) -> Line:
    found = {kind: cells.get(header.columns[kind]) for kind in _KEPT if kind in header.columns}
    faults = [Fault(columns[kind], said) for kind, said in _unusable(number, found, header)]
    currencies = [("price", header.currency)] if header.currency else []
    amount = None
    cell = found.get(Column.PRICE)
    if cell is not None and not isinstance(cell, Formula | Unfit):
        try:
            amount, written = _amount(cell, marks)
            currencies = [("price", written)] if written else currencies
        except Invalid as said:
            faults.append(Fault(columns[Column.PRICE], said))
    if said_in := shown(found.get(Column.CURRENCY)):
        currencies.append(("currency", _currency(said_in)))
    texts = [shown(found.get(kind)) for kind in (Column.CODE, Column.NAME)]
    return Line(
        number=number,
        code=texts[0][:200],
        name=texts[1][:400],
        amount=None if faults else amount,
        currencies=tuple(currencies),
        columns=columns,
        faults=tuple(faults),
        is_total=is_total(texts),
    )


def _unusable(
    number: int, found: dict[Column, Cell | None], header: Header
) -> Iterator[tuple[Column, Invalid]]:
    """What is wrong with cells that hold no value. A date beside an empty price is a heading: “valid from 1.1.”."""
    for kind, cell in found.items():
        if isinstance(cell, Unfit) and found.get(Column.PRICE) is not None:
            yield kind, _unfit(cell, f"{letter_of(header.columns[kind])}{number}", kind)
        if isinstance(cell, Formula):
            said = Invalid(
                "Cell {cell} holds a formula; what it last showed cannot be relied on.",
                mend="Copy the column and paste it as values, or type the value.",
                code="formula",
                cell=f"{letter_of(header.columns[kind])}{number}",
            )
            yield kind, said


def _unfit(cell: Unfit, name: str, kind: Column) -> Invalid:
    return Invalid(
        _HOLDS[cell.odd],
        mend=(
            "Format the column as a number and type the price."
            if kind is Column.PRICE
            else "Format the column as text and type the value."
        ),
        code="cell-unfit",
        cell=name,
        text=cell.shown[:20],
    )


def _amount(cell: str | Decimal, marks: Marks) -> tuple[Decimal, str | None]:
    if isinstance(cell, Decimal):
        return checked(cell, shown(cell)), None
    return amount_of(shown(cell), marks)


def _currency(said: str) -> str:
    words = words_of(said)
    return CURRENCY_WORDS.get(words[0], said.upper()[:20]) if len(words) == 1 else said[:20]


def _no_header() -> Invalid:
    return Invalid(
        "No row with titles such as code, name and price was found in the first {rows} rows.",
        mend=(
            "Put titles above the columns: Code or Name, and Price (Cod, Denumire, Preț · Code, Bezeichnung, Preis · "
            "Codice, Nome, Prezzo · Kód, Megnevezés, Ár)."
        ),
        code="no-header",
        rows=HEADER_WITHIN,
    )
