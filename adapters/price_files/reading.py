"""Reads a price file, whatever clinic made it, into lines that :mod:`domain.price_import` can weigh (R8).

Slow for what the event loop can bear (a second for the largest file): call it in a thread.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from adapters.price_files import csv_text, xlsx
from adapters.price_files.amounts import Marks, amount_of, checked, marks_of
from adapters.price_files.currencies import currency_said, names_several
from adapters.price_files.grid import Cell, Formula, Money, Odd, Record, Rows, Unfit, letter_of, shown
from adapters.price_files.headers import Column, Header, is_total, lost_letters, may_be_total
from adapters.price_files.kinds import Kind, kind_of
from adapters.price_files.tables import (
    HEADER_WITHIN,
    Table,
    TableRow,
    has_list,
    recognised,
    table_in,
    unmerged,
)
from domain.errors import N_, Invalid
from domain.price_rows import Currency, Fault, Line

_HOLDS = {
    Odd.DATE: N_("Cell {cell} holds a date, whatever was typed there."),
    Odd.TRUTH: N_("Cell {cell} holds TRUE or FALSE, which is no value."),
    Odd.ERROR: N_("Cell {cell} holds the error {text}."),
    Odd.PERCENTAGE: N_("Cell {cell} holds a percentage."),
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


def read_prices(content: bytes, name: str) -> PriceSheet:
    """The file's prices. Invalid, with the reason and the mend, where it cannot be one or is too large."""
    if kind_of(content, name) is Kind.XLSX:
        return _from_workbook(content)
    text, encoding = csv_text.decoded(content)
    separator = csv_text.separator_of(text, recognised)
    table = table_in(csv_text.records_of(text, separator), separator)
    if table is None:
        raise _lost_letters(csv_text.rows_of(text, separator)) or _no_header()
    return _sheet(table, encoding=encoding, separator=separator)


def _from_workbook(content: bytes) -> PriceSheet:
    """The one sheet with a price list; one that has titles only counts where no other has rows. Invalid for several."""
    empty: PriceSheet | None = None
    found: PriceSheet | None = None
    others: list[str] = []
    with closing(xlsx.sheets_of(content)) as sheets:
        for name, rows, merges in sheets:
            records = (Record(*row) for row in rows)
            if found:
                others += [name] if has_list(records) else []
            elif table := table_in(records):
                one = _sheet(unmerged(table, merges), sheet=name)
                found, empty = (one, empty) if one.lines else (None, empty or one)
    if found and others:
        raise Invalid(
            "The workbook has several sheets with price lists: {sheets}.",
            mend="Send one sheet per file: keep the one that is meant, and delete or hide the others.",
            code="several-sheets",
            sheets=", ".join([str(found.sheet), *others])[:300],
        )
    if sheet := found or empty:
        return sheet
    raise _no_header()


def _sheet(
    table: Table, sheet: str | None = None, encoding: str | None = None, separator: str | None = None
) -> PriceSheet:
    header = table.header
    columns = {kind.value: f"{letter_of(at)} ({header.titles[kind]})" for kind, at in header.columns.items()}
    price = header.columns[Column.PRICE]
    marks = marks_of(cell for row in table.rows if isinstance(cell := row.cells.get(price), str))
    lines = [_line(row, table, columns, marks) for row in table.rows]
    return PriceSheet(lines, table.line, columns, sheet, encoding, separator)


def _line(row: TableRow, table: Table, columns: dict[str, str], marks: Marks) -> Line:
    header = table.header
    found = {kind: row.cells.get(header.columns[kind]) for kind in _KEPT if kind in header.columns}
    faults = [Fault("", row.misshapen)] if row.misshapen else []
    faults += [Fault(columns[kind], said) for kind, said in _unusable(row.number, found, header)]
    amount, written = None, None
    cell = found.get(Column.PRICE)
    if cell is not None and not isinstance(cell, Formula | Unfit):
        try:
            amount, written = _amount(cell, marks)
        except Invalid as said:
            faults.append(Fault(columns[Column.PRICE], said))
    code, name = (shown(found.get(kind)) for kind in (Column.CODE, Column.NAME))
    return Line(
        number=row.number,
        code=code[:200],
        name=name[:400],
        amount=None if faults else amount,
        currencies=_currencies(row, table, columns, written),
        columns=columns,
        faults=tuple(faults),
        is_total=is_total(code, name),
        may_be_total=may_be_total(code, name),
        written=_written(found.get(Column.CODE)),
        merged=row.merged,
        continues=row.continues,
    )


def _currencies(
    row: TableRow, table: Table, columns: dict[str, str], written: str | None
) -> tuple[Currency, ...]:
    """All that is said of the currency of a row: in its cells, beside its price, and by the title."""
    header, price = table.header, columns[Column.PRICE]
    found = [Currency(written, price)] if written else []
    if row.beside and header.columns[Column.PRICE] in row.cells:
        found.append(Currency(row.beside, table.beside))
    if Column.CURRENCY in columns and (said := shown(row.cells.get(header.columns[Column.CURRENCY]))):
        found.append(Currency(currency_said(said), columns[Column.CURRENCY]))
    if header.currency and not (found and names_several(header.currency)):
        found.append(Currency(header.currency, price, is_title=True))
    return tuple(found)


def _written(code: Cell | None) -> str:
    return (code.strip() if isinstance(code, str) else shown(code))[:200]


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


def _amount(cell: str | Decimal | Money, marks: Marks) -> tuple[Decimal, str | None]:
    if isinstance(cell, Money):
        return checked(cell.amount, shown(cell)), cell.currency
    if isinstance(cell, Decimal):
        return checked(cell, shown(cell)), None
    return amount_of(shown(cell), marks)


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


def _lost_letters(rows: Rows) -> Invalid | None:
    """What is wrong where a program wrote “?” for letters that its encoding lacks."""
    titles = (shown(cell) for _, cells in islice(rows, HEADER_WITHIN) for cell in cells.values())
    title = next(filter(lost_letters, titles), None)
    if title is None:
        return None
    return Invalid(
        "The title “{title}” has lost letters: where they were, “?” stands.",
        mend="Save the list anew, as XLSX or as CSV (UTF-8), where it was made, and send that.",
        code="no-header",
        title=title,
    )
