"""The XML inside a workbook, read piece by piece and without trust: no document type, no endless tag."""

import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers import expat

from adapters.price_files.grid import unreadable
from domain.errors import N_

_CHUNK = 64 * 1024
_LONGEST_TAG = 4 * _CHUNK  # a longer one, with millions of attributes, would fill the memory

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


def parsed(
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


def exhaust(steps: Iterator[None]) -> None:
    for _ in steps:
        pass
