"""Finds the price list in rows of cells: its header, the rows below it, and what is wrong with their shape (R8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as but
from decimal import Decimal
from itertools import chain, islice, repeat
from typing import NamedTuple

from adapters.price_files.amounts import CURRENCY_WORDS, is_amount
from adapters.price_files.grid import Cell, Formula, Money, Record, Records, letter_of, shown, too_long
from adapters.price_files.headers import Column, Header, currency_in, header_in, words_of
from adapters.price_files.merged import Merge, rows_sharing
from adapters.price_files.shape import misshapen, must_stand_alone
from domain.errors import Invalid
from domain.prices import MOST_SERVICES

HEADER_WITHIN = 50


class TableRow(NamedTuple):
    """The cells of a row that matter; ``misshapen`` says why none of them can be relied on."""

    number: int
    cells: dict[int, Cell]
    misshapen: Invalid | None = None


@dataclass(frozen=True)
class Table:
    """A header, the rows below it, and whether amounts stand right of the price, in a column without a title."""

    header: Header
    line: int
    rows: list[TableRow] = field(default_factory=list)
    is_double: bool = False


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
    header = found.header
    _must_be_clear(header)
    table = Table(header, found.record.number)
    titled = max(found.record.cells) + 1
    wanted, price = set(header.columns.values()), header.columns[Column.PRICE]
    is_double, taken = False, list[Record]()
    for record in chain(found.below, records):
        if separator:
            must_stand_alone(record, header, titled, separator)
        kept = {at: cell for at, cell in record.cells.items() if at in wanted}
        if not kept or _repeats(header, kept):
            continue
        if not table.rows and (unit := _unit(header, kept)):
            table = but(table, header=but(header, currency=unit))
            continue
        if not table.rows and _is_subtitle(header, kept):
            continue
        table.rows.append(TableRow(record.number, kept))
        if separator:
            taken.append(record)
        is_double = is_double or (price + 1 not in found.record.cells and _is_price(record, price + 1))
        if len(table.rows) > MOST_SERVICES:
            raise too_long(MOST_SERVICES)
    said = misshapen(taken, header, found.record, separator) if separator else repeat(None)
    rows = [row._replace(misshapen=moved) for row, moved in zip(table.rows, said, strict=False)]
    return but(table, rows=rows, is_double=is_double)


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

    Invalid where the title of the price stands over two columns with amounts.
    """
    price = table.header.columns[Column.PRICE]
    if table.is_double and any(one.holds(table.line, price) and one.right > price for one in merges):
        raise _two_prices(table.header, letter_of(price + 1))
    priced = {row.number for row in table.rows if price in row.cells}
    shared = rows_sharing(merges, price, [row.number for row in table.rows])
    areas = (shared.get(row.number) for row in table.rows)
    return but(
        table,
        rows=[
            row._replace(misshapen=_merged(*area)) if area and area[0] in priced else row
            for row, area in zip(table.rows, areas, strict=True)
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


def _unit(header: Header, cells: dict[int, Cell]) -> str | None:
    """The currency of a row that says nothing else, as “(lei)” below “Price”."""
    said = words_of(shown(cells.get(header.columns[Column.PRICE])))
    return currency_in(said[0]) if len(cells) == len(said) == 1 else None


def _is_subtitle(header: Header, cells: dict[int, Cell]) -> bool:
    """Whether a row only says more about the price, as “with VAT” below “Price”; of a currency nothing may get lost."""
    words = words_of(shown(cells.get(header.columns[Column.PRICE])))
    return (
        len(cells) == 1 and bool(words) and all(one.isalpha() and one not in CURRENCY_WORDS for one in words)
    )
