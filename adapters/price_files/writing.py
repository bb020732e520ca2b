"""Writes a channel's price list as CSV or XLSX; to read it again changes nothing, and no text in it calculates."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

import xlsxwriter

from adapters.price_files.csv_text import guarded
from adapters.price_files.headers import WRITTEN
from domain.prices import Offer

_WIDTHS = (14, 48, 14, 12, 10)


def csv_of(offers: Iterable[Offer], currency: str, language: str) -> bytes:
    """A line for each offer; ``currency`` is that of a price still to be set."""
    return table_of(
        WRITTEN[language],
        (
            (
                offer.code,
                offer.name,
                offer.minutes,
                amount_in(offer.price.amount, language) if offer.price else "",
                _currency(offer, currency),
            )
            for offer in offers
        ),
    )


def table_of(titles: Sequence[str], rows: Iterable[Sequence[str | int]]) -> bytes:
    """UTF-8 with its mark and ``;``, which spreadsheet programs in these countries open at once; no text calculates."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(titles)
    writer.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def amount_in(amount: Decimal, language: str) -> str:
    """With the language's decimal mark, since spreadsheet programs would take 1.50 for a day in May."""
    return f"{amount:.2f}".replace(".", "." if language == "en" else ",")


def xlsx_of(offers: Iterable[Offer], currency: str, language: str, title: str) -> bytes:
    """One sheet: texts are texts, prices are numbers."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet(_sheet_name(title))
        bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
        for column, (words, width) in enumerate(zip(WRITTEN[language], _WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, words, bold)
        sheet.freeze_panes(1, 0)
        for row, offer in enumerate(offers, 1):
            sheet.write_string(row, 0, offer.code)
            sheet.write_string(row, 1, offer.name)
            sheet.write_number(row, 2, offer.minutes)
            if offer.price:
                sheet.write_number(row, 3, float(offer.price.amount), money)
            sheet.write_string(row, 4, _currency(offer, currency))
    return file.getvalue()


def _currency(offer: Offer, currency: str) -> str:
    return offer.price.currency if offer.price else currency


def _sheet_name(title: str) -> str:
    """What Excel bears: 31 signs, none of ``[]:*?/\\``, no apostrophe at the ends."""
    kept = "".join(sign for sign in title if sign not in "[]:*?/\\" and sign.isprintable())
    return kept.strip("'")[:31].strip("'") or "Prices"
