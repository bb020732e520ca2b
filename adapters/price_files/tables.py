"""Finds the price list in rows of cells: its header, the rows below it, and what is wrong with their shape (R8)."""

from dataclasses import dataclass, field
from dataclasses import replace as but
from decimal import Decimal
from itertools import chain, islice
from typing import NamedTuple

from adapters.price_files.amounts import Marks, amount_of
from adapters.price_files.csv_text import quote_astray
from adapters.price_files.grid import Cell, Formula, Record, Records, shown, too_long
from adapters.price_files.headers import Column, Header, currency_in, header_in, words_of
from domain.errors import Invalid
from domain.prices import MOST_SERVICES

HEADER_WITHIN = 50
_ANY_MARK = Marks(frozenset({","}))


class TableRow(NamedTuple):
    """The cells of a row that matter; ``misshapen`` says why they may stand in the wrong columns."""

    number: int
    cells: dict[int, Cell]
    misshapen: Invalid | None = None


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
    return found is not None and any(_is_priced(one, found.header) for one in chain(found.below, records))


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
    wanted = set(header.columns.values())
    for record in chain(found.below, records):
        if separator:
            _must_stand_alone(record, header, titled, separator)
        kept = {at: cell for at, cell in record.cells.items() if at in wanted}
        if not kept or _repeats(header, kept):
            continue
        if not table.rows and (unit := _unit(header, kept)):
            table = but(table, header=but(header, currency=unit))
            continue
        misshapen = _misshapen(record, kept, header, titled, separator) if separator else None
        table.rows.append(TableRow(record.number, kept, misshapen))
        if len(table.rows) > MOST_SERVICES:
            raise too_long(MOST_SERVICES)
    return table


def _header_of(records: Records) -> _Found | None:
    """Of the rows before the first price, the one with the most titles: “Services · Prices 2026” above it has fewer."""
    best: _Found | None = None
    for record in islice(records, HEADER_WITHIN):
        header = header_in({at: shown(cell) for at, cell in record.cells.items()})
        if header and (best is None or len(header.columns) >= len(best.header.columns)):
            best = _Found(header, record, [])
        elif best:
            best.below.append(record)
            if _is_priced(record, best.header):
                break
    return best


def _is_priced(record: Record, header: Header) -> bool:
    cell = record.cells.get(header.columns[Column.PRICE])
    return _is_amount(cell) if isinstance(cell, str) else isinstance(cell, Decimal | Formula)


def _is_amount(text: str) -> bool:
    try:
        amount_of(text, _ANY_MARK)
    except Invalid:
        return False
    return True


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


def _unit(header: Header, cells: dict[int, Cell]) -> str | None:
    """The currency of a row that says nothing else, as “(lei)” below “Price”."""
    said = words_of(shown(cells.get(header.columns[Column.PRICE])))
    return currency_in(said[0]) if len(cells) == len(said) == 1 else None


def _must_stand_alone(record: Record, header: Header, titled: int, separator: str) -> None:
    """A quoted cell may hold line breaks, but no row of its own, which a stray quote would have swallowed."""
    if not record.below:
        return
    price = header.columns[Column.PRICE]
    cells = (line.split(separator) for line in record.below)
    if record.width < titled or any(
        len(one) > price and _is_amount(one[price].strip(' "\r\n')) for one in cells
    ):
        raise quote_astray(record.number)


def _misshapen(
    record: Record, kept: dict[int, Cell], header: Header, titled: int, separator: str
) -> Invalid | None:
    """A row with more cells than there are titles: a separator that was no separator moved its cells."""
    found = max(record.cells) + 1
    if found <= titled or (header.columns[Column.PRICE] not in kept and len(kept) == 1):
        return None
    if separator == ",":
        return Invalid(
            "The row has {found} cells, and the header has {titles}.",
            mend=(
                "A comma divides the columns of this file: put a price with a decimal comma, or a name with a comma, "
                "in quotes, or divide the columns by semicolons."
            ),
            code="cells-too-many",
            found=found,
            titles=titled,
        )
    return Invalid(
        "The row has {found} cells, and the header has {titles}.",
        mend="Take the extra cells away, give their column a title, or put a cell that holds “{separator}” in quotes.",
        code="cells-too-many",
        found=found,
        titles=titled,
        separator=separator,
    )
