"""Reads XLSX, cell by cell and without trust: formulas are seen as such, and no size is taken from the file.

A reader of our own, since those there are give a formula's last result as if it were a value, and lay a sheet
with cells in A1 and XFD1048576 out in memory as a whole.
"""

import posixpath
import re
import zipfile
from collections.abc import Callable, Generator, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.parsers import expat

from adapters.price_files.archive import must_unpack_as_declared, opened
from adapters.price_files.grid import (
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    Formula,
    Odd,
    Row,
    Rows,
    Unfit,
    too_many_rows,
    too_wide,
    unreadable,
)
from domain.errors import N_

_CHUNK = 64 * 1024
_LONGEST_TAG = 4 * _CHUNK  # a longer one, with millions of attributes, would fill the memory
_MOST_TEXTS = 1_000_000
_MOST_FORMATS = 100_000  # Excel itself keeps 65,490
_LONGEST_FORMAT = 255
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile("([A-Z]{1,3})([0-9]{1,7})")
# Excel keeps 120.1 as 120.09999999999999: what differs by less is the same number.
_NOISE = Decimal("0.0000001")
# Formats that a file refers to without spelling them out; those of 27 to 58 are dates in some languages only.
_DATES = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
# What a format shows as it is: quoted and escaped signs, colours and currencies in brackets, gaps, its own name.
_ASIDE = re.compile(r'"[^"]*"|\\.|[_*].|\[[^\]]*\]|General|Standard', re.IGNORECASE | re.DOTALL)
_FRACTION = re.compile(r"s[.,]0+", re.IGNORECASE)

_ODD = {"b": Odd.TRUTH, "d": Odd.DATE, "e": Odd.ERROR}

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


def sheets_of(content: bytes) -> Generator[tuple[str, Rows], None, None]:
    """The visible sheets in their order, with name and rows. Rows are read as they are asked for."""
    with opened(content) as archive:
        must_unpack_as_declared(archive)
        texts = _shared_texts(archive)
        dates = _date_styles(archive)
        for name, path in _visible(archive):
            yield name, _rows(archive, path, texts, dates)


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

    _exhaust(_parsed(archive, "xl/_rels/workbook.xml.rels", relation))
    _exhaust(_parsed(archive, "xl/workbook.xml", sheet))
    members = set(archive.namelist())
    return [(name, path) for name, path in found if path in members]


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

    _exhaust(_parsed(archive, path, start, end, collected.add))
    return texts


def _date_styles(archive: zipfile.ZipFile) -> frozenset[int]:
    """The styles, by the number that cells give, that show a number as a day or a time."""
    path = "xl/styles.xml"
    if path not in archive.namelist():
        return frozenset()
    written: dict[int, bool] = {}
    formats: list[int] = []
    within = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal within
        if tag in ("numFmts", "cellXfs"):
            within = tag
        elif tag == "numFmt" and within == "numFmts":
            written[_number(attributes.get("numFmtId"), -1)] = is_date_format(
                attributes.get("formatCode", "")
            )
        elif tag == "xf" and within == "cellXfs":
            formats.append(_number(attributes.get("numFmtId"), 0))
        if len(written) > _MOST_FORMATS or len(formats) > _MOST_FORMATS:
            raise unreadable(N_("The file cannot be read: it holds too many formats."))

    def end(tag: str) -> None:
        nonlocal within
        within = "" if tag == within else within

    _exhaust(_parsed(archive, path, start, end))
    return frozenset(at for at, number in enumerate(formats) if written.get(number, number in _DATES))


def is_date_format(code: str) -> bool:
    """Whether a format code shows a day or a time; one with places for digits shows a number, as “0.00 USD” does."""
    code = code[:_LONGEST_FORMAT]
    if _ELAPSED.search(code):
        return True
    positive = _FRACTION.sub("s", _ASIDE.sub("", code).partition(";")[0])
    return bool(re.search("[dmyhs]", positive, re.IGNORECASE)) and not re.search("[0#?]", positive)


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
    """Gathers rows from a sheet's elements; ``done`` holds those that are complete."""

    def __init__(self, texts: list[str], dates: frozenset[int]) -> None:
        self.done: list[Row] = []
        self._texts, self._dates = texts, dates
        self._row, self._rows, self._column = 0, 0, -1
        self._cells: dict[int, Cell] = {}
        self._kind, self._value, self._formula, self._is_date = "n", "", False, False
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
            self._is_date = _number(attributes.get("s"), 0) in self._dates
        elif tag == "f":
            self._formula = True

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
        return _decimal(self._value) if self._kind == "n" and self._value else self._value

    def _odd(self) -> Odd | None:
        if self._kind == "n":
            return Odd.DATE if self._is_date else None
        return _ODD.get(self._kind)


def _rows(archive: zipfile.ZipFile, path: str, texts: list[str], dates: frozenset[int]) -> Rows:
    sheet = _Sheet(texts, dates)
    for _ in _parsed(archive, path, sheet.start, sheet.end, sheet.text):
        yield from sheet.done
        sheet.done = []
    yield from sheet.done


def _parsed(
    archive: zipfile.ZipFile,
    path: str,
    start: Start,
    end: End | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Feeds a member to the handlers, in pieces; tags and attributes come without their namespaces."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def started(tag: str, attributes: dict[str, str]) -> None:
        start(tag.rpartition(":")[2], {name.rpartition(":")[2]: value for name, value in attributes.items()})

    def doctype(*_: Any) -> None:
        raise unreadable(
            N_("The file cannot be read: its XML declares a document type, which spreadsheets never do.")
        )

    parser.StartElementHandler = started
    parser.StartDoctypeDeclHandler = doctype
    if end is not None:
        parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2])
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        with archive.open(path) as member:
            fed = 0
            while chunk := member.read(_CHUNK):
                parser.Parse(chunk, False)
                fed += len(chunk)
                if fed - parser.CurrentByteIndex > _LONGEST_TAG:
                    raise unreadable(N_("The file cannot be read: what is inside is damaged."))
                yield
            parser.Parse(b"", True)
    except (expat.ExpatError, KeyError, zipfile.BadZipFile) as error:
        raise unreadable(N_("The file cannot be read: what is inside is damaged.")) from error


def _exhaust(steps: Iterator[None]) -> None:
    for _ in steps:
        pass


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _column(reference: str | None, otherwise: int) -> int:
    found = _REFERENCE.fullmatch(reference or "")
    if found is None:
        return otherwise
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


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
