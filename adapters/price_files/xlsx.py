"""Reads XLSX, cell by cell and without trust: formulas are seen as such, and no size is taken from the file.

A reader of our own, since those there are give a formula's last result as if it were a value, and lay a sheet
with cells in A1 and XFD1048576 out in memory as a whole.
"""

import posixpath
import re
import zipfile
from collections.abc import Generator, Sequence
from decimal import Decimal, InvalidOperation

from adapters.price_files.archive import must_unpack_as_declared, opened, too_many_cells
from adapters.price_files.elements import exhaust, parsed
from adapters.price_files.formats import Format, built_in, format_of
from adapters.price_files.grid import (
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    Formula,
    Money,
    Odd,
    Row,
    Rows,
    Unfit,
    column_of,
    too_many_rows,
    too_wide,
    unreadable,
)
from adapters.price_files.merged import Merge, merge_of
from domain.errors import N_

_MOST_MERGES = 100_000
_MOST_TEXTS = 1_000_000
_MOST_FORMATS = 100_000  # Excel itself keeps 65,490
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile("([A-Z]{1,3})([0-9]{1,7})")
# Excel keeps 120.1 as 120.09999999999999: what differs by less is the same number.
_NOISE = Decimal("0.0000001")
_PLAIN = Format()
_ODD = {"b": Odd.TRUTH, "d": Odd.DATE, "e": Odd.ERROR}


def sheets_of(content: bytes) -> Generator[tuple[str, Rows, Sequence[Merge]], None, None]:
    """The visible sheets in their order: name, rows, and merged cells.

    Rows are read as they are asked for; which cells are merged is known once they are all read.
    """
    with opened(content) as archive:
        must_unpack_as_declared(archive)
        texts = _shared_texts(archive)
        styles = _styles(archive)
        for name, path in _visible(archive):
            merges: list[Merge] = []
            yield name, _rows(archive, path, _Sheet(texts, styles, merges)), merges


def _visible(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """(name, path in the archive) of each sheet that a person sees."""
    found: list[tuple[str, str]] = []
    targets: dict[str, str] = {}

    def relation(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.join("/xl", attributes.get("Target", ""))
            targets[attributes.get("Id", "")] = posixpath.normpath(target).lstrip("/")

    def sheet(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet" and attributes.get("state", "visible") == "visible":
            found.append((attributes.get("name", ""), targets.get(attributes.get("id", ""), "")))

    exhaust(parsed(archive, "xl/_rels/workbook.xml.rels", relation))
    exhaust(parsed(archive, "xl/workbook.xml", sheet))
    return [(name, path) for name, path in found if path in archive.NameToInfo]


def _shared_texts(archive: zipfile.ZipFile) -> list[str]:
    """The texts that cells refer to by number; hints on pronunciation are left out."""
    path = "xl/sharedStrings.xml"
    if path not in archive.namelist():
        return []
    texts: list[str] = []
    collected = _Text()

    def start(tag: str, attributes: dict[str, str]) -> None:
        collected.start(tag)
        if tag == "si" and len(texts) >= _MOST_TEXTS:
            raise unreadable(N_("The file cannot be read: it holds too many texts."))

    def end(tag: str) -> None:
        collected.end(tag)
        if tag == "si":
            texts.append(collected.taken())

    exhaust(parsed(archive, path, start, end, collected.add))
    return texts


def _styles(archive: zipfile.ZipFile) -> dict[int, Format]:
    """How numbers are shown, by the number of the style that their cells give."""
    path = "xl/styles.xml"
    if path not in archive.namelist():
        return {}
    written: dict[int, Format] = {}
    formats: list[int] = []
    within = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal within
        if tag in ("numFmts", "cellXfs"):
            within = tag
        elif tag == "numFmt" and within == "numFmts":
            written[_number(attributes.get("numFmtId"), -1)] = format_of(attributes.get("formatCode", ""))
        elif tag == "xf" and within == "cellXfs":
            formats.append(_number(attributes.get("numFmtId"), 0))
        if len(written) > _MOST_FORMATS or len(formats) > _MOST_FORMATS:
            raise unreadable(N_("The file cannot be read: it holds too many formats."))

    def end(tag: str) -> None:
        nonlocal within
        within = "" if tag == within else within

    exhaust(parsed(archive, path, start, end))
    return {
        at: written[number] if number in written else built_in(number) for at, number in enumerate(formats)
    }


class _Text:
    """Collects what stands in ``t`` elements, outside of ``rPh``."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open = False
        self._aside = False

    def start(self, tag: str) -> None:
        self._aside = self._aside or tag == "rPh"
        self._open = tag == "t" and not self._aside

    def end(self, tag: str) -> None:
        self._open = False
        self._aside = self._aside and tag != "rPh"

    def add(self, data: str) -> None:
        if self._open:
            self._parts.append(data)

    def taken(self) -> str:
        text, self._parts = "".join(self._parts), []
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


class _Sheet:
    """Gathers rows from a sheet's elements, and ``merges``; ``done`` holds the rows that are complete."""

    def __init__(self, texts: list[str], styles: dict[int, Format], merges: list[Merge]) -> None:
        self.done: list[Row] = []
        self._merges = merges
        self._texts, self._styles = texts, styles
        self._row, self._rows, self._column = 0, 0, -1
        self._cells: dict[int, Cell] = {}
        self._kind, self._value, self._formula, self._format = "n", "", False, _PLAIN
        self._inside = ""
        self._inline = _Text()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._inside = tag
        self._inline.start(tag)
        if tag == "row":
            self._row, self._column, self._cells = _number(attributes.get("r"), self._row + 1), -1, {}
            self._rows += 1
            if self._rows > MOST_ROWS:
                raise too_many_rows()
        elif tag == "c":
            self._column = _column(attributes.get("r"), self._column + 1)
            self._kind, self._value, self._formula = attributes.get("t", "n"), "", False
            self._format = self._styles.get(_number(attributes.get("s"), 0), _PLAIN)
        elif tag == "f":
            self._formula = True
        elif tag == "mergeCell" and (merge := merge_of(attributes.get("ref", ""))):
            self._merges.append(merge)
            if len(self._merges) > _MOST_MERGES:
                raise too_many_cells()

    def text(self, data: str) -> None:
        if self._inside == "v":
            self._value += data
        else:
            self._inline.add(data)

    def end(self, tag: str) -> None:
        self._inside = ""
        self._inline.end(tag)
        if tag == "c":
            cell = self._cell(self._inline.taken())
            if cell is not None and cell != "":
                if self._column >= MOST_COLUMNS:
                    raise too_wide(self._row)
                self._cells[self._column] = cell
        elif tag == "row" and self._cells:
            self.done.append((self._row, self._cells))

    def _cell(self, inline: str) -> Cell | None:
        if self._formula:
            return Formula(self._value)
        if self._kind == "inlineStr":
            return inline
        if self._kind == "s":
            at = _number(self._value, -1)
            return self._texts[at] if 0 <= at < len(self._texts) else None
        if self._value and (odd := self._odd()):
            return Unfit(odd, self._value)
        return self._amount() if self._kind == "n" and self._value else self._value

    def _amount(self) -> Cell:
        found, currency = _decimal(self._value), self._format.currency
        return Money(found, currency) if currency and isinstance(found, Decimal) else found

    def _odd(self) -> Odd | None:
        return self._format.odd if self._kind == "n" else _ODD.get(self._kind)


def _rows(archive: zipfile.ZipFile, path: str, sheet: _Sheet) -> Rows:
    for _ in parsed(archive, path, sheet.start, sheet.end, sheet.text):
        yield from sheet.done
        sheet.done = []
    yield from sheet.done


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _column(reference: str | None, otherwise: int) -> int:
    found = _REFERENCE.fullmatch(reference or "")
    return column_of(found[1]) if found else otherwise


def _decimal(text: str) -> Cell:
    """The number; noise from binary fractions is rounded away. Anything else stays text."""
    try:
        exact = Decimal(text.strip())
        if not exact.is_finite() or exact.adjusted() > 15:
            return text
        near = exact.quantize(Decimal("0.01"))
    except InvalidOperation:
        return text
    return near if abs(near - exact) < _NOISE else exact
