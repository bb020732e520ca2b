"""All the lines of a notice as a CSV file, written as price lists are: no text in it calculates (R14, R16)."""

from collections.abc import Sequence
from decimal import Decimal

from adapters.database.connection_tables import NoticeRow
from adapters.i18n import say
from adapters.mail.message import Attachment
from adapters.price_files.headers import WRITTEN
from adapters.price_files.writing import amount_in, table_of
from domain.connection import Line, NoticeKind
from domain.errors import N_


def name_of(row: NoticeRow) -> str:
    """The file's name: what it is, and the notice's number."""
    return f"{'prices' if row.kind == NoticeKind.PRICES else 'services'}-{row.number}.csv"


def file_of(row: NoticeRow, lines: Sequence[Line], currency: str, language: str) -> Attachment:
    """``currency`` is that of a price still to be set."""
    code, name, minutes, price, in_currency = WRITTEN[language]
    if row.kind == NoticeKind.PRICES:
        old, new = say(language, N_("Old price")), say(language, N_("New price"))
        titles = (code, name, minutes, old, in_currency, new, in_currency)
        rows = [(*_named(line), *_money(line.old, language), *_money(line.new, language)) for line in lines]
        return Attachment(name_of(row), "csv", table_of(titles, rows))
    listed = [(*_named(line), *(_money(line.new, language, currency))) for line in lines]
    return Attachment(name_of(row), "csv", table_of((code, name, minutes, price, in_currency), listed))


def _named(line: Line) -> tuple[str, str, int]:
    return line.code, line.name, line.duration_minutes


def _money(price: dict[str, str] | None, language: str, otherwise: str = "") -> tuple[str, str]:
    """Amount and currency; nothing and ``otherwise`` where there is no price."""
    if price is None:
        return "", otherwise
    return amount_in(Decimal(price["amount"]), language), price["currency"]
