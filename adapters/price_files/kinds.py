"""What a file really is, by its first bytes: a name is only what somebody called it."""

from enum import StrEnum

from adapters.price_files.archive import opened
from domain.errors import N_, Invalid


class Kind(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


_NAMED = {"csv": Kind.CSV, "txt": Kind.CSV, "tsv": Kind.CSV, "tab": Kind.CSV, "xlsx": Kind.XLSX}
_BEGINNINGS = (
    (b"%PDF", N_("a PDF document")),
    (b"\xd0\xcf\x11\xe0", N_("an old Excel file (.xls), or one with a password")),
    (b"{\\rtf", N_("a text document (RTF)")),
    (b"\x89PNG", N_("a picture (PNG)")),
    (b"\xff\xd8\xff", N_("a picture (JPEG)")),
    (b"\x1f\x8b", N_("a compressed file (gzip)")),
    (b"Rar!", N_("a compressed file (RAR)")),
    (b"7z\xbc\xaf", N_("a compressed file (7-Zip)")),
)
_MARKUP = (
    (b"<!doctype html", N_("a web page (HTML)")),
    (b"<html", N_("a web page (HTML)")),
    (b"<table", N_("a web page (HTML)")),
    (b"<?xml", N_("an XML file")),
)
_INSIDE = (
    ("xl/vbaProject.bin", N_("an Excel workbook with macros (.xlsm)")),
    ("xl/workbook.bin", N_("a binary Excel workbook (.xlsb)")),
    ("word/document.xml", N_("a Word document (.docx)")),
    ("ppt/presentation.xml", N_("a presentation (.pptx)")),
    ("Index/Document.iwa", N_("an Apple Numbers document")),
    ("content.xml", N_("an OpenDocument file (.ods)")),
)

_CALLED = {
    Kind.XLSX: N_("The file “{name}” is called an Excel workbook (.xlsx), and is {what}."),
    Kind.CSV: N_("The file “{name}” is called a text file (.csv), and is {what}."),
}


def kind_of(content: bytes, name: str) -> Kind:
    """CSV or XLSX, where name and content agree on it; else Invalid, which says what was sent and what to send."""
    named = _NAMED.get(name.rpartition(".")[2].lower()) if "." in name else None
    found, what = _found(content)
    if not content.strip():
        raise _refused(N_("The file “{name}” is empty."), name)
    if found is None:
        raise _refused(N_("The file “{name}” is {what}."), name, what)
    if named is None:
        raise _refused(N_("The file “{name}” has a name that ends in neither .csv nor .xlsx."), name)
    if named is not found:
        raise _refused(_CALLED[named], name, what)
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
        return None, N_("no text")
    return Kind.CSV, N_("a text file (CSV)")


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
        return Kind.XLSX, N_("an Excel workbook (.xlsx)")
    return None, N_("a compressed file (ZIP)")


def _refused(detail: str, name: str, what: str = "") -> Invalid:
    return Invalid(
        detail,
        mend="Send the price list as XLSX (Excel 2007 or newer, LibreOffice) or as CSV, saved with that ending.",
        code="wrong-file-type",
        name=name[:100],
        what=what,
    )
