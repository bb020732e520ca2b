"""Finds the price list in rows of cells: its header, the rows below it, and what is wrong with their shape (R8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as but
from itertools import chain, islice, repeat
from typing import NamedTuple

from adapters.price_files.beside import Beside, is_price
from adapters.price_files.grid import Cell, Record, Records, shown, too_long
from adapters.price_files.headers import Column, Header, header_in
from adapters.price_files.merged import Merge, rows_sharing
from adapters.price_files.notes import Notes
from adapters.price_files.shape import misshapen, must_stand_alone
from domain.errors import Invalid
from domain.prices import MOST_SERVICES

HEADER_WITHIN = 50


class TableRow(NamedTuple):
    """The cells of a row that matter; ``misshapen`` says why none of them can be relied on.

    ``beside`` is the currency that stands right of the price, in a column without a title. ``merged`` are the first and
    the last row that have this row's price in common; ``continues`` says that it has the code of the row above in common,
    and no price of its own.
    """

    number: int
    cells: dict[int, Cell]
    misshapen: Invalid | None = None
    beside: str | None = None
    merged: tuple[int, int] | None = None
    continues: bool = False


@dataclass(frozen=True)
class Table:
    """A header, and the rows below it; ``beside`` is the letter of the column right of the price, if it has no title."""

    header: Header
    line: int
    rows: list[TableRow] = field(default_factory=list)
    beside: str = ""


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
        is_price(one, found.header.columns[Column.PRICE]) for one in chain(found.below, records)
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
    untitled = price + 1 not in titles.cells and (not separator or price + 1 < titled)
    beside = Beside(header, price + 1 if untitled else None)
    for record in chain(found.below, records):
        if separator:
            must_stand_alone(record, header, titled, separator)
        kept, currency = {at: cell for at, cell in record.cells.items() if at in wanted}, beside.take(record)
        if _repeats(header, kept):
            is_before = True
        elif kept and not (is_before and notes.take(record, kept)):
            odd = notes.doubt(record, kept, currency) if is_before else None
            rows.append(TableRow(record.number, kept, odd, currency))
            taken += [record] if separator else []
            is_before = is_before and price not in kept
        if len(rows) > MOST_SERVICES:
            raise too_long(MOST_SERVICES)
    beside.must_hold_no_price()
    said = misshapen(taken, header, titles, separator) if separator else repeat(None)
    rows = [row._replace(misshapen=row.misshapen or moved) for row, moved in zip(rows, said, strict=False)]
    return Table(notes.header(), titles.number, rows, beside.name)


def _header_of(records: Records) -> _Found | None:
    """Of the rows before the first price, the one with the most titles: “Services · Prices 2026” above it has fewer."""
    best: _Found | None = None
    for record in islice(records, HEADER_WITHIN):
        header = header_in({at: shown(cell) for at, cell in record.cells.items()})
        if header and (best is None or len(header.columns) >= len(best.header.columns)):
            best = _Found(header, record, [])
        elif best:
            best.below.append(record)
            if is_price(record, best.header.columns[Column.PRICE]):
                break
    return best


def unmerged(table: Table, merges: Sequence[Merge]) -> Table:
    """The table of a workbook, its rows marked that have a price, or a code (a name, where no column holds codes), for several."""
    columns, numbers = table.header.columns, [row.number for row in table.rows]
    price, key = columns[Column.PRICE], columns.get(Column.CODE, columns.get(Column.NAME, 0))
    prices, keys = rows_sharing(merges, price, numbers), rows_sharing(merges, key, numbers)
    said = {(row.number, at) for row in table.rows for at in row.cells}

    def marked(row: TableRow) -> TableRow:
        merged, first = prices.get(row.number), keys.get(row.number, (row.number,))[0]
        return row._replace(
            merged=merged if merged and (merged[0], price) in said else None,
            continues=first != row.number and (first, key) in said and (row.number, price) not in said,
        )

    return but(table, rows=[marked(row) for row in table.rows])


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
    raise Invalid(
        "Two columns could be the price: “{one}” and “{other}”.",
        mend="Keep the column with the price that the partner pays, and take the other away.",
        code="price-column-unclear",
        one=header.titles[kind],
        other=other,
    )


def _repeats(header: Header, cells: dict[int, Cell]) -> bool:
    """Whether a row is the header once more, as on each page of a printed list."""
    return all(shown(cells.get(header.columns[kind])) == title for kind, title in header.titles.items())
