"""Rows of a text file whose cells may have been moved: by a quote, or by a separator that was no separator (R8)."""

import re

from adapters.price_files.amounts import is_amount
from adapters.price_files.csv_text import quote_astray
from adapters.price_files.grid import Cell, Record, shown
from adapters.price_files.headers import Column, Header, currency_in, kind_of
from domain.errors import N_, Invalid

_COMMA_DIVIDES = N_(
    "A comma divides the columns of this file: put a price with a decimal comma, or a name with a comma, "
    "in quotes, or divide the columns by semicolons."
)
# What can stand before and behind the comma of a price: “44” and “50”, “1.250” and “00 lei”, “1” and “250.00”.
_BEFORE = re.compile(r"[^,]*?(?<!\.)(?<!\.[0-9])[0-9]")
_BEHIND = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?(?![0-9.])")
_NOT_BEHIND = (Column.CURRENCY, Column.DURATION)


def must_stand_alone(record: Record, header: Header, titled: int, separator: str) -> None:
    """A quoted cell may hold line breaks, but no row of its own, which a stray quote would have swallowed."""
    if not record.below:
        return
    price = header.columns[Column.PRICE]
    cells = (line.split(separator) for line in record.below)
    if record.width < titled or any(
        len(one) > price and is_amount(one[price].strip(' "\r\n')) for one in cells
    ):
        raise quote_astray(record.number)


def misshapen(
    record: Record, kept: dict[int, Cell], header: Header, titles: Record, separator: str
) -> Invalid | None:
    """What is wrong with a row whose cells may have been moved, by a separator that was no separator.

    Empty cells in excess are harmless only where nothing stands behind the price that could be, or end, it.
    """
    price = header.columns[Column.PRICE]
    if price not in kept and len(kept) == 1:
        return None
    found, titled = max(record.cells) + 1, max(titles.cells) + 1
    if record.width > titles.width and found > price + 1:
        found = record.width
    if found > titled:
        return _too_many_cells(found, titled, separator)
    return _halved(record, titles, price) if separator == "," else None


def _halved(record: Record, titles: Record, price: int) -> Invalid | None:
    """In a file divided by commas, the cell behind the price can be the rest of it."""
    left, right = (shown(record.cells.get(at)) for at in (price, price + 1))
    behind = _BEHIND.match(right)
    if not (behind and _BEFORE.fullmatch(left)) or kind_of(shown(titles.cells.get(price + 1))) in _NOT_BEHIND:
        return None
    rest = right[behind.end() :].strip()
    if rest and not currency_in(rest):
        return None
    return Invalid(
        "The price is “{left}”, or “{left},{right}” with the cell beside it.",
        mend=_COMMA_DIVIDES,
        code="price-undecided",
        left=left,
        right=right,
    )


def _too_many_cells(found: int, titled: int, separator: str) -> Invalid:
    if separator == ",":
        return Invalid(
            "The row has {found} cells, and the header has {titles}.",
            mend=_COMMA_DIVIDES,
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
