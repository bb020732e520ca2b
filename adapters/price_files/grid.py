"""What every kind of file is read into: rows of cells, one at a time, within limits."""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from domain.errors import Invalid
from domain.price_match import plain

MOST_COLUMNS = 100
# Blank ones included: a list of 20,000 services stays far below it.
MOST_ROWS = 100_000


class Formula(NamedTuple):
    """A cell that calculates. Its last result is not kept: nobody can say whether it still holds."""

    shown: str


class Odd(StrEnum):
    """What a cell can be that is neither a text nor a number."""

    DATE = "date"
    TRUTH = "truth"
    ERROR = "error"
    PERCENTAGE = "percentage"


class Unfit(NamedTuple):
    """A cell that only looks like a value: a spreadsheet made a date of “12.05”, or keeps TRUE as 1."""

    odd: Odd
    shown: str


class Money(NamedTuple):
    """A number that is shown with a currency beside it."""

    amount: Decimal
    currency: str


Cell = str | Decimal | Money | Formula | Unfit
Row = tuple[int, dict[int, Cell]]
"""The row's number in the file, from 1, and what is in its columns, from 0; empty cells are left out."""
Rows = Iterator[Row]


class Record(NamedTuple):
    """A row, and how it stood in a text file: its cells, empty ones included, and its lines."""

    number: int
    cells: dict[int, Cell]
    width: int = 0
    lines: tuple[str, ...] = ()


Records = Iterator[Record]


def shown(cell: Cell | None) -> str:
    """A cell as text; a number without needless zeros, so that the code 1001 is “1001”."""
    if cell is None:
        return ""
    if isinstance(cell, Money):
        return shown(cell.amount)
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}" if cell else "0"
    return plain(cell if isinstance(cell, str) else cell.shown)


def letter_of(column: int) -> str:
    """A column's letter as spreadsheets show it: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_of(letters: str) -> int:
    """The column with that letter, from 0."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def too_wide(row: int) -> Invalid:
    return Invalid(
        "Row {row} has more than {most} columns.",
        mend="Keep the columns with code, name, price and currency, and take the others away.",
        code="file-too-wide",
        row=row,
        most=MOST_COLUMNS,
    )


def too_long(most: int) -> Invalid:
    return Invalid(
        "The file has more than {most} rows.",
        mend="Send it in parts of at most {most} rows each.",
        code="file-too-long",
        most=most,
    )


def too_many_rows() -> Invalid:
    return Invalid(
        "The file has more than {most} rows, empty ones included.",
        mend="Copy the price list into a new file, without the empty rows, and send that.",
        code="file-too-long",
        most=MOST_ROWS,
    )


def unreadable(detail: str, **gaps: Any) -> Invalid:
    """``detail`` is a whole message, marked with ``N_`` where it stands."""
    return Invalid(
        detail,
        mend="Open it in a spreadsheet program, save it anew as XLSX or as CSV (UTF-8), and send that.",
        code="file-unreadable",
        **gaps,
    )
