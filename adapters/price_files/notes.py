"""What stands between the titles and the first price: words on the prices, a currency, the columns' numbers (R8)."""

from dataclasses import replace as but

from adapters.price_files.amounts import is_amount
from adapters.price_files.currencies import currency_in
from adapters.price_files.grid import Cell, Record, shown
from adapters.price_files.headers import Column, Header, is_known_note
from adapters.price_files.words import words_of
from domain.errors import Invalid


class Notes:
    """Gathers what a header's title and the words below it say of the prices."""

    def __init__(self, header: Header, titles: Record) -> None:
        self._header, self._titles = header, titles
        self._said = [header.titles[Column.PRICE]]
        self._unclear: Invalid | None = None

    def take(self, record: Record, cells: dict[int, Cell]) -> bool:
        """Whether a row says something of the prices and has none: words below their title, or the columns' numbers.

        ``cells`` are those in the columns that matter.
        """
        said = cells.get(self._header.columns[Column.PRICE])
        if len(cells) == 1 and isinstance(said, str) and words_of(said) and not is_amount(said):
            self._note(record.number, shown(said))
            return True
        return Column.NAME in self._header.columns and self._is_numbered(record)

    def doubt(self, record: Record) -> Invalid | None:
        """What is said of a row “1 | 2” below titles without a name: the numbers may be a code and its price."""
        if not self._is_numbered(record):
            return None
        return Invalid(
            "The row may number the columns, or give a price of {price}.",
            mend="Take it away if it numbers the columns; else write the currency beside the price.",
            code="price-undecided",
            price=shown(record.cells[self._header.columns[Column.PRICE]]),
        )

    def header(self) -> Header:
        """The header, the notes in its title. Invalid where one of them may make the prices other ones."""
        if self._unclear:
            raise self._unclear
        title = " ".join(self._said)
        titles = {**self._header.titles, Column.PRICE: title}
        return but(self._header, titles=titles, currency=currency_in(title))

    def _note(self, row: int, said: str) -> None:
        if said not in self._said:
            self._said.append(said)
        if not is_known_note(said):
            self._unclear = self._unclear or _unclear(row, said)

    def _is_numbered(self, record: Record) -> bool:
        """Whether a row numbers the titled columns, from 0 or 1, as forms do."""
        cells = [shown(record.cells.get(at)).strip("()") for at in sorted(self._titles.cells)]
        return any(cells == [str(first + at) for at in range(len(cells))] for first in (0, 1))


def _unclear(row: int, said: str) -> Invalid:
    return Invalid(
        "Row {row} says “{said}” below the title of the price, and it is unclear what that makes of the prices.",
        mend="Take the row away if the prices are right for the partner without it; else correct the prices first.",
        code="price-column-unclear",
        row=row,
        said=said[:100],
    )
