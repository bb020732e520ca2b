"""The column right of the price, where the titles leave it without one: a currency stands there, or a second price (R8)."""

from decimal import Decimal

from adapters.price_files.amounts import is_amount
from adapters.price_files.currencies import currency_in, names_amount
from adapters.price_files.grid import Formula, Money, Record, letter_of, shown
from adapters.price_files.headers import Column, Header, is_known_note
from adapters.price_files.words import words_of
from domain.errors import Invalid

_OWN = (Column.CODE, Column.NAME)


def is_price(record: Record, column: int) -> bool:
    """Whether the cell is a price, or could be one."""
    cell = record.cells.get(column)
    return is_amount(cell) if isinstance(cell, str) else isinstance(cell, Decimal | Money | Formula)


class Beside:
    """Reads that column row by row; ``column`` is None where there is none without a title."""

    def __init__(self, header: Header, column: int | None) -> None:
        self._columns, self._title = header.columns, header.titles[Column.PRICE]
        self._price = header.columns[Column.PRICE]
        self._column = column
        self._priced, self._twice, self._is_titled = 0, 0, False

    @property
    def name(self) -> str:
        """The column's letter."""
        return "" if self._column is None else letter_of(self._column)

    def take(self, record: Record) -> str | None:
        """The currency that stands there; with an amount of its own (“sau 24 euro”) it is a remark."""
        if self._column is None:
            return None
        said = shown(record.cells.get(self._column))
        has_price, has_second, is_note = (
            is_price(record, self._price),
            is_price(record, self._column),
            is_known_note(said),
        )
        self._priced += has_price
        self._twice += has_price and has_second
        is_title = not (self._priced or has_second or is_note or self._is_of_a_service(record))
        self._is_titled |= is_title and bool(words_of(said))
        return None if names_amount(said) else currency_in(said)

    def _is_of_a_service(self, record: Record) -> bool:
        """Whether the row has a code or a name, as a heading or an examination has."""
        return any(shown(record.cells.get(self._columns[kind])) for kind in _OWN if kind in self._columns)

    def must_hold_no_price(self) -> None:
        """Invalid where at least half of the prices have an amount there, and no row above them says what it is.

        Words on a price are no title: “cu TVA | fără TVA” are two prices.
        """
        if self._twice and 2 * self._twice >= self._priced and not self._is_titled:
            raise Invalid(
                "Two columns could be the price: “{one}” and “{other}”.",
                mend="Keep the column with the price that the partner pays, and take the other away, or give it a title.",
                code="price-column-unclear",
                one=self._title,
                other=self.name,
            )
