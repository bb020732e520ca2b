"""What stands between the titles and the first price: words on the prices, a currency, the columns' numbers (R8)."""

from dataclasses import replace as but

from adapters.price_files.amounts import is_amount
from adapters.price_files.currencies import currency_in
from adapters.price_files.grid import Cell, Money, Record, shown
from adapters.price_files.headers import Column, Header, is_known_note
from adapters.price_files.words import words_of
from domain.errors import Invalid


class Notes:
    """Gathers what a header's title and the words below it say of the prices."""

    def __init__(self, header: Header, titles: Record) -> None:
        self._header, self._titles = header, titles
        self._said = [header.titles[Column.PRICE]]

    def take(self, record: Record, cells: dict[int, Cell]) -> bool:
        """Whether a row has no price, and is done with: words below the title that change nothing, or the columns' numbers.

        ``cells`` are those in the columns that matter. A currency is taken from any words.
        """
        said = self._below_title(cells)
        if not said:
            return Column.NAME in self._header.columns and self._is_numbered(record)
        is_known = is_known_note(said)
        if (is_known or currency_in(said)) and said not in self._said:
            self._said.append(said)
        return is_known

    def doubt(self, record: Record, cells: dict[int, Cell], beside: str | None) -> Invalid | None:
        """What is wrong with a row that was not taken: other words, or “1 | 2”, which may be a code and its price.

        It is a price where a currency stands with it, or ``beside`` it.
        """
        price = cells.get(self._header.columns[Column.PRICE])
        if said := self._below_title(cells):
            return _unclear(said)
        if beside or isinstance(price, Money) or not self._is_numbered(record):
            return None
        return Invalid(
            "The row may number the columns, or give a price of {price}.",
            mend="Take it away if it numbers the columns; else write the currency in the price's cell: {price} lei.",
            code="price-undecided",
            price=shown(price),
        )

    def header(self) -> Header:
        """The header, the notes in its title."""
        title = " ".join(self._said)
        titles = {**self._header.titles, Column.PRICE: title}
        return but(self._header, titles=titles, currency=currency_in(title))

    def _below_title(self, cells: dict[int, Cell]) -> str:
        """The words that stand in the price's column alone; “” where there are none."""
        said = cells.get(self._header.columns[Column.PRICE])
        is_note = len(cells) == 1 and isinstance(said, str) and words_of(said) and not is_amount(said)
        return shown(said) if is_note else ""

    def _is_numbered(self, record: Record) -> bool:
        """Whether a row numbers the titled columns, from 0 or 1, as forms do."""
        cells = [shown(record.cells.get(at)).strip("()") for at in sorted(self._titles.cells)]
        return any(cells == [str(first + at) for at in range(len(cells))] for first in (0, 1))


def _unclear(said: str) -> Invalid:
    return Invalid(
        "“{said}” stands below the title of the price, and it is unclear what that makes of the prices.",
        mend="Take the row away if the prices are right for the partner without it; else correct the prices first.",
        code="price-unreadable",
        said=said[:100],
    )
