"""Reads CSV: finds out its encoding and its separator, since no clinic knows either."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from adapters.price_files.grid import (
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    Formula,
    Record,
    Records,
    Rows,
    too_many_rows,
    too_wide,
    unreadable,
)
from domain.errors import N_, Invalid

SEPARATORS = (";", ",", "\t", "|")
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# In this order where they read the same: Romanian and Hungarian need the first, Italian the second.
_OLD = ("cp1250", "cp1252", "iso8859_2")
_EXPECTED = frozenset("ăâîșțşţĂÂÎȘȚŞŢäöüßÄÖÜàèéìòùÀÈÉÌÒÙáéíóöőúüűÁÉÍÓÖŐÚÜŰ€„”“’–—°\u00a0")
_RARE = frozenset("ãþºÃÞª¤¨¸")
_SAMPLE = 100
_WIDEST = 16_384  # columns of a spreadsheet
_HINT = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
# What an export puts before a text that a spreadsheet would take for a formula, and an import takes away.
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_GUARD_NEEDED = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    return f"'{text}" if _GUARD_NEEDED.match(text) else text


def decoded(content: bytes) -> tuple[str, str]:
    """The text and its encoding: by its mark, else UTF-8 where it is that, else the likeliest of the old ones."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strictly(content.removeprefix(mark), encoding), encoding
    if b"\0" in content[:400]:
        encoding = "utf-16-le" if content[1:400:2].count(0) >= content[0:400:2].count(0) else "utf-16-be"
        return _strictly(content, encoding), encoding
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        encoding = max(_OLD, key=lambda one: _likelihood(content, one))
        return content.decode(encoding, "replace"), encoding


def rows_of(text: str, separator: str) -> Rows:
    """The lines that are not empty; a number is that of the line in which a row begins."""
    return ((record.number, record.cells) for record in records_of(text, separator))


def records_of(text: str, separator: str, *, strict: bool = True) -> Records:
    """The same, with the shape of each row. Invalid where a quote does not close its cell, but if not ``strict``."""
    if _breaks_in(text) > MOST_ROWS:
        raise too_many_rows()
    lines = io.StringIO(text, newline="")
    before = 1 if _HINT.match(text) else 0
    if before:
        lines.readline()
    taken: list[str] = []
    reader = csv.reader(_noted(lines, taken, separator, before), delimiter=separator, strict=strict)
    begins = before + 1
    try:
        for fields in reader:
            cells = {number: _cell(field) for number, field in enumerate(fields) if field.strip()}
            if cells:
                if max(cells) >= MOST_COLUMNS:
                    raise too_wide(begins)
                yield Record(begins, cells, len(fields), tuple(taken))
            begins = before + reader.line_num + 1
            taken.clear()
    except csv.Error as error:
        raise _broken("".join(taken), separator, begins) from error


def separator_of(text: str, worth: Callable[[Records], int]) -> str:
    """The separator that makes the most of the text; ``worth`` is how much is recognised in its rows."""
    if (hint := _HINT.match(text)) and hint[1] in SEPARATORS:
        return hint[1]
    sample = "".join(islice(io.StringIO(text[:200_000], newline=""), _SAMPLE))
    return max(SEPARATORS, key=lambda one: (worth(records_of(sample, one, strict=False)), sample.count(one)))


def quote_astray(line: int) -> Invalid:
    """A quote that takes other cells, or other rows, into its own: what was meant nobody can say."""
    return Invalid(
        'In line {line} a cell begins with a quote (") that does not close it where the cell ends.',
        mend='Close the quote, take it away, or double it (""); write each row on one line.',
        code="quote-open",
        line=line,
    )


def quoted_in(record: Record, separator: str) -> set[int]:
    """The columns, from 0, whose cells stand in quotes: no separator can have cut them."""
    row = "".join(record.lines)
    if '"' not in row:
        return set()
    return {number for number, (at, _) in enumerate(_spans(row, separator)) if row[at] == '"'}


def _noted(lines: Iterable[str], taken: list[str], separator: str, before: int) -> Iterator[str]:
    """The lines as they are read, each also put on ``taken``; none is wider than a spreadsheet can be."""
    for number, line in enumerate(lines, before + 1):
        if len(line) > _WIDEST and line.count(separator) > _WIDEST:
            raise too_wide(number)
        taken.append(line)
        yield line


def _broken(row: str, separator: str, begins: int) -> Invalid:
    """What is wrong with a row that cannot be read: the first cell that is none, told by its line."""
    at = max((end for _, end in _spans(row, separator)), default=0)
    if at < len(row):
        return quote_astray(begins + _breaks_in(row[:at]))
    return unreadable(
        N_(
            "The file cannot be read: line {line} has a field that is too long, or quotes that are never closed."
        ),
        line=begins,
    )


def _spans(row: str, separator: str) -> Iterator[tuple[int, int]]:
    """Where each cell begins, and where the next one does, as far as they can be read."""
    cell = re.compile(
        rf'(?:"(?:[^"]|"")*+"|(?!")[^{re.escape(separator)}\r\n]*+)(?:{re.escape(separator)}|\r?\n|\r|\Z)'
    )
    at = 0
    while at < len(row) and (found := cell.match(row, at)):
        yield at, found.end()
        at = found.end()


def _breaks_in(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _cell(field: str) -> Cell:
    text = field.strip()
    if text.startswith("="):
        return Formula(text)
    return text[1:] if _GUARDED.match(text) else text


def _likelihood(content: bytes, encoding: str) -> int:
    foreign = [sign for sign in content.decode(encoding, "replace") if sign > "\x7f"]
    return sum(
        1 if sign in _EXPECTED else -2 if sign in _RARE or not sign.isprintable() else -1 for sign in foreign
    )


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise unreadable(
            N_("The file cannot be read: its beginning says {encoding}, and it is not."),
            encoding=encoding.upper(),
        ) from error
