"""The ZIP that an XLSX file is, opened only when what it holds is known to be small."""

import copy
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.price_files.grid import unreadable
from domain.errors import N_, Invalid

MOST_UNPACKED = 64 * 1024 * 1024
MOST_MEMBERS = 1000
# A full workbook of 20,000 rows and 30 columns has 1.3 million, and unpacks to 16 times its size at the most.
MOST_ELEMENTS = 2_000_000
_MOST_RATIO, _RATIO_FROM = 100, 1024 * 1024
_CHUNK = 64 * 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def opened(content: bytes) -> Iterator[zipfile.ZipFile]:
    """The archive, whose directory declares a bearable size. What cannot be read is Invalid."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _must_declare_little(archive.infolist())
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, ValueError) as error:
        raise unreadable(
            N_("The file cannot be read: it is damaged, or protected with a password.")
        ) from error


def must_unpack_as_declared(archive: zipfile.ZipFile) -> None:
    """Unpacks everything once, keeping nothing.

    Invalid as soon as it is more than the directory said, or as it has more elements than can be read in seconds:
    to look for their signs costs a thousandth of reading them.
    """
    left, elements = MOST_UNPACKED, 0
    for declared in archive.infolist():
        info = copy.copy(declared)
        info.file_size = left + 1  # the reader stops there, and not where the directory wants it to
        size = 0
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK):
                size += len(chunk)
                if size > declared.file_size or size > left:
                    raise _too_large()
                elements += chunk.count(b"<") - chunk.count(b"</")
                if elements > MOST_ELEMENTS:
                    raise too_many_cells()
        left -= size


def _must_declare_little(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > MOST_UNPACKED:
        raise _too_large()
    if any(_is_bomb(member) for member in members):
        raise too_many_cells()
    if any(member.flag_bits & 1 for member in members):
        raise unreadable(N_("The file cannot be read: it is protected with a password."))
    if any(member.compress_type not in _METHODS for member in members):
        raise unreadable(N_("The file cannot be read: it is packed in a way that spreadsheets do not use."))


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    return member.file_size > max(_RATIO_FROM, _MOST_RATIO * member.compress_size)


def too_many_cells() -> Invalid:
    return Invalid(
        "The file holds far more cells than a price list has, empty ones included.",
        mend="Copy the price list into a new workbook, without empty rows and columns, and send that.",
        code="file-too-large",
    )


def _too_large() -> Invalid:
    return Invalid(
        "The file unpacks to more than {most} MB, or to more than it says.",
        mend="Send a workbook with nothing but the price list in it: no pictures, no other sheets.",
        code="file-too-large",
        most=MOST_UNPACKED // (1024 * 1024),
    )
