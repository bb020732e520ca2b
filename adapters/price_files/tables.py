"""Finds the price list in rows of cells: its header, the rows below it, and what is wrong with their shape (R8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as but
from decimal import Decimal
from itertools import chain, islice, repeat
from typing import NamedTuple

from adapters.price_files.amounts import is_amount
from adapters.price_files.currencies import currency_in
from adapters.price_files.grid import Cell, Formula, Money, Record, Records, letter_of, shown, too_long
from adapters.price_files.headers import Column, Header, header_in
from adapters.price_files.merged import Merge, rows_sharing
from adapters.price_files.notes import Notes
from adapters.price_files.shape import misshapen, must_stand_alone
from domain.errors import Invalid
from domain.prices import MOST_SERVICES

HEADER_WITHIN = 50


class TableRow(NamedTuple):
    """The cells of a row that matter; ``misshapen`` says why none of them can be relied on.

    ``beside`` is the currency that stands right of the price, in a column without a title.
    """

    number: int
    cells: dict[int, Cell]
    misshapen: Invalid | None = None
    beside: str | None = None


@dataclass(frozen=True)
class Table:
    """A header, and the rows below it."""

    header: Header
    line: int
    rows: list[TableRow] = field(default_factory=list)


class _Found(NamedTuple):
    header: Header
    record: Record
    below: list[Record]


def recognised(records: Records) -> int:
    """How many columns the rows' header names."""
    found = _header_of(records)
    return len(found.header.columns) if found else 0


def has_list(records: Records) -> bool:
    """Whether there is a header with a price below it; reads no further than that."""
    found = _header_of(records)
    return found is not None and any(
        _is_price(one, found.header.columns[Column.PRICE]) for one in chain(found.below, records)
    )


def table_in(records: Records, separator: str | None = None) -> Table | None:
    """The price list; ``separator`` is what divides the columns of a text file, whose rows can be misshapen.

    Invalid where two columns could be the price, a quote took other rows into its cell, or there are too many rows.
    """
    found = _header_of(records)
    if found is None:
        return None
    header, titles = found.header, found.record
    _must_be_clear(header)
    notes, is_before, rows, taken = Notes(header, titles), True, list[TableRow](), list[Record]()
    titled = max(titles.cells) + 1
    wanted, price = set(header.columns.values()), header.columns[Column.PRICE]
    beside = price + 1 if price + 1 not in titles.cells and (not separator or price + 1 < titled) else None
    for record in chain(found.below, records):
        if separator:
            must_stand_alone(record, header, titled, separator)
        kept = {at: cell for at, cell in record.cells.items() if at in wanted}
        if _repeats(header, kept):
            is_before = True
        elif kept and not (is_before and notes.take(record, kept)):
            odd = notes.doubt(record) if is_before else None
            rows.append(TableRow(record.number, kept, odd, _currency_beside(record, header, beside)))
            taken += [record] if separator else []
            is_before = is_before and price not in kept
        if len(rows) > MOST_SERVICES:
            raise too_long(MOST_SERVICES)
    said = misshapen(taken, header, titles, separator) if separator else repeat(None)
    rows = [row._replace(misshapen=row.misshapen or moved) for row, moved in zip(rows, said, strict=False)]
    return Table(notes.header() if rows else header, titles.number, rows)


def _currency_beside(record: Record, header: Header, column: int | None) -> str | None:
    """The currency in the column without a title that follows the price. Invalid where a second price stands there."""
    if column is None:
        return None
    if _is_price(record, column) and _is_price(record, header.columns[Column.PRICE]):
        raise _two_prices(header, letter_of(column))
    return currency_in(shown(record.cells.get(column)))


def _header_of(records: Records) -> _Found | None:
    """Of the rows before the first price, the one with the most titles: “Services · Prices 2026” above it has fewer."""
    best: _Found | None = None
    for record in islice(records, HEADER_WITHIN):
        header = header_in({at: shown(cell) for at, cell in record.cells.items()})
        if header and (best is None or len(header.columns) >= len(best.header.columns)):
            best = _Found(header, record, [])
        elif best:
            best.below.append(record)
            if _is_price(record, best.header.columns[Column.PRICE]):
                break
    return best


def _is_price(record: Record, column: int) -> bool:
    cell = record.cells.get(column)
    return is_amount(cell) if isinstance(cell, str) else isinstance(cell, Decimal | Money | Formula)


def unmerged(table: Table, merges: Sequence[Merge]) -> Table:
    """The table of a workbook, its rows marked that have one price for several of them.

    Rows that share the code, or the name where there is none, are the lines of one service: those without a price belong to the first.
    """
    columns, numbers = table.header.columns, [row.number for row in table.rows]
    price = columns[Column.PRICE]
    key = columns[Column.CODE if Column.CODE in columns else Column.NAME]
    coded = rows_sharing(merges, key, numbers)
    rows = [
        row
        for row in table.rows
        if price in row.cells or coded.get(row.number, (row.number,))[0] == row.number
    ]
    shared = rows_sharing(merges, price, [row.number for row in rows])
    priced = {row.number for row in rows if price in row.cells}
    areas = (shared.get(row.number) for row in rows)
    return but(
        table,
        rows=[
            row._replace(misshapen=_merged(*area)) if area and area[0] in priced else row
            for row, area in zip(rows, areas, strict=True)
        ],
    )


def _merged(first: int, last: int) -> Invalid:
    return Invalid(
        "The price cell is merged over the rows {first} to {last}.",
        mend="Undo the merge, and write the price in each row.",
        code="cell-unfit",
        first=first,
        last=last,
    )


def _must_be_clear(header: Header) -> None:
    if header.rival is None:
        return
    kind, other = header.rival
    if kind is Column.CODE:
        raise Invalid(
            "Two columns could be the code: “{one}” and “{other}”.",
            mend="Keep the column with the code that the list of services has, and take the other away.",
            code="code-column-unclear",
            one=header.titles[kind],
            other=other,
        )
    raise _two_prices(header, other)


def _two_prices(header: Header, other: str) -> Invalid:
    return Invalid(
        "Two columns could be the price: “{one}” and “{other}”.",
        mend="Keep the column with the price that the partner pays, and take the other away.",
        code="price-column-unclear",
        one=header.titles[Column.PRICE],
        other=other,
    )


def _repeats(header: Header, cells: dict[int, Cell]) -> bool:
    """Whether a row is the header once more, as on each page of a printed list."""
    return all(shown(cells.get(header.columns[kind])) == title for kind, title in header.titles.items())
