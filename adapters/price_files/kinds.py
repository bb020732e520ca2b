"""What a file really is, by its first bytes: a name is only what somebody called it."""

from enum import StrEnum

from adapters.price_files.archive import opened
from domain.errors import Invalid


class Kind(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


_NAMED = {"csv": Kind.CSV, "txt": Kind.CSV, "tsv": Kind.CSV, "tab": Kind.CSV, "xlsx": Kind.XLSX}
_BEGINNINGS = (
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls), or one with a password"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"\x1f\x8b", "a compressed file (gzip)"),
    (b"Rar!", "a compressed file (RAR)"),
    (b"7z\xbc\xaf", "a compressed file (7-Zip)"),
)
_MARKUP = (
    (b"<!doctype html", "a web page (HTML)"),
    (b"<html", "a web page (HTML)"),
    (b"<table", "a web page (HTML)"),
    (b"<?xml", "an XML file"),
)
_INSIDE = (
    ("xl/vbaProject.bin", "an Excel workbook with macros (.xlsm)"),
    ("xl/workbook.bin", "a binary Excel workbook (.xlsb)"),
    ("word/document.xml", "a Word document (.docx)"),
    ("ppt/presentation.xml", "a presentation (.pptx)"),
    ("Index/Document.iwa", "an Apple Numbers document"),
    ("content.xml", "an OpenDocument file (.ods)"),
)


def kind_of(content: bytes, name: str) -> Kind:
    """CSV or XLSX, where name and content agree on it; else Invalid, which says what was sent and what to send."""
    named = _NAMED.get(name.rpartition(".")[2].lower()) if "." in name else None
    found, what = _found(content)
    if not content.strip():
        raise _refused("is empty", name)
    if found is None:
        raise _refused(f"is {what}", name)
    if named is None:
        raise _refused("has a name that ends in neither .csv nor .xlsx", name)
    if named is not found:
        called = "an Excel workbook (.xlsx)" if named is Kind.XLSX else "a text file (.csv)"
        raise _refused(f"is called {called}, and is {what}", name)
    return found


def _found(content: bytes) -> tuple[Kind | None, str]:
    start = content[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, what in _BEGINNINGS:
        if content.startswith(beginning):
            return None, what
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _inside(content)
    for beginning, what in _MARKUP:
        if start.startswith(beginning):
            return None, what
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff")) or _looks_wide(content)
    if b"\0" in content and not is_wide:
        return None, "no text"
    return Kind.CSV, "a text file (CSV)"


def _looks_wide(content: bytes) -> bool:
    """UTF-16 without a mark: every other byte of the beginning is mostly zero."""
    start = content[:400]
    return max(start[0::2].count(0), start[1::2].count(0)) > len(start) // 3


def _inside(content: bytes) -> tuple[Kind | None, str]:
    with opened(content) as archive:
        names = set(archive.namelist())
    for inner, what in _INSIDE:
        if inner in names:
            return None, what
    if "xl/workbook.xml" in names:
        return Kind.XLSX, "an Excel workbook (.xlsx)"
    return None, "a compressed file (ZIP)"


def _refused(what: str, name: str) -> Invalid:
    return Invalid(
        "The file “{name}” {what}.",
        mend="Send the price list as XLSX (Excel 2007 or newer, LibreOffice) or as CSV, saved with that ending.",
        code="wrong-file-type",
        name=name[:100],
        what=what,
    )
