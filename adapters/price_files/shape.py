"""Rows of a text file whose cells may have been moved: by a quote, or by a separator that was no separator (R8)."""

import re
from collections.abc import Iterator, Sequence

from adapters.price_files.amounts import is_amount
from adapters.price_files.csv_text import quote_astray, quoted_in
from adapters.price_files.currencies import currency_in
from adapters.price_files.grid import Record, shown
from adapters.price_files.headers import REMARKS, Column, Header, kind_of
from adapters.price_files.words import words_of
from domain.errors import N_, Invalid

_COMMA_DIVIDES = N_(
    "A comma divides the columns of this file: put a price with a decimal comma, or a name with a comma, "
    "in quotes, or divide the columns by semicolons."
)
# What can stand before and behind the comma of a price: “44” and “50”, “1.250” and “00 lei”, “1” and “250.00”.
_BEFORE = re.compile(r"[^,]*?(?<!\.)(?<!\.[0-9])[0-9]")
_BEHIND = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?(?![0-9.])")
_NEVER_BEHIND = (Column.CURRENCY, Column.DURATION, Column.CODE)


def must_stand_alone(record: Record, header: Header, titled: int, separator: str) -> None:
    """A quoted cell may hold line breaks, but no row of its own, which a stray quote would have swallowed."""
    below = record.lines[1:]
    if not below:
        return
    price = header.columns[Column.PRICE]
    cells = (line.split(separator) for line in below)
    if record.width < titled or any(
        len(one) > price and is_amount(one[price].strip(' "\r\n')) for one in cells
    ):
        raise quote_astray(record.number)


def misshapen(
    records: Sequence[Record], header: Header, titles: Record, separator: str
) -> Iterator[Invalid | None]:
    """For each row what is wrong, where its cells may have been moved by a separator that was no separator.

    Empty cells in excess are harmless where every priced row has the same, since a separator ends them all, or
    where nothing stands behind the price that could be, or end, it. A price in quotes was not cut, nor one before such a cell.
    """
    price, titled = header.columns[Column.PRICE], max(titles.cells) + 1
    wanted = set(header.columns.values())
    widths = {one.width for one in records if price in one.cells and max(one.cells) < titled}
    for record in records:
        found, is_cut = max(record.cells) + 1, separator == "," and _may_be_cut(record, price)
        half = is_cut and _half(record, price)
        is_harmless = found <= price + 1 or (len(widths) == 1 and not half)
        if price not in record.cells and len(wanted & record.cells.keys()) == 1:
            yield None
        elif found > titled or (record.width > titles.width and not is_harmless):
            yield _too_many_cells(record.width, titled, separator, is_cut)
        elif half and _may_be_moved(record, titles, price + 1):
            yield _undecided(record, price)
        else:
            yield None


def _may_be_cut(record: Record, price: int) -> bool:
    return quoted_in(record, ",").isdisjoint((price, price + 1))


def _half(record: Record, price: int) -> bool:
    """Whether the cell behind the price can be the rest of it, as far as the two can tell."""
    left, right = (shown(record.cells.get(at)) for at in (price, price + 1))
    behind = _BEHIND.match(right)
    if not (behind and _BEFORE.fullmatch(left)):
        return False
    rest = right[behind.end() :].strip()
    return not rest or currency_in(rest) is not None


def _may_be_moved(record: Record, titles: Record, behind: int) -> bool:
    """Whether the number behind the price can have come there: no name or remark is one, nor what has no title; else only into a short row."""
    title = shown(titles.cells.get(behind))
    kind = kind_of(title)
    if kind in _NEVER_BEHIND:
        return False
    is_text = not title or kind is Column.NAME or not REMARKS.isdisjoint(words_of(title))
    return is_text or record.width < titles.width


def _undecided(record: Record, price: int) -> Invalid:
    return Invalid(
        "The price is “{left}”, or “{left},{right}” with the cell beside it.",
        mend=_COMMA_DIVIDES,
        code="price-undecided",
        left=shown(record.cells.get(price)),
        right=shown(record.cells.get(price + 1)),
    )


def _too_many_cells(found: int, titled: int, separator: str, is_cut: bool) -> Invalid:
    if is_cut:
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
