"""Reads a finished message as its recipient's program will, and compares that with what was meant."""

import re
from collections.abc import Mapping, Sequence
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

_OF_PEOPLE = ("from", "sender", "reply-to", "to", "cc")

# Its type, the method of a calendar entry, its name, its content.
FileRead = tuple[str, str | None, str | None, bytes]


def difference(
    written: bytes, headers: Mapping[str, object], texts: Sequence[bytes], files: Sequence[FileRead]
) -> str | None:
    """The first part that a reader would take for something else.

    ``texts`` are the plain one and the HTML; ``files`` all that follows them, in order.
    """
    read = message_from_bytes(written, policy=policy.compat32)
    if sorted(name.lower() for name in read) != sorted([*headers, "mime-version", "content-type"]):
        return "the list of headers"
    for name, meant in headers.items():
        if _read_as(name, read[name]) != meant:
            return f"the header {name}"
    parts = [part for part in read.walk() if not part.is_multipart()]
    if [_payload(part).split() for part in parts[:2]] != [text.split() for text in texts]:
        return "the body"
    return None if [_file(part) for part in parts[2:]] == list(files) else "an attachment"


def _file(part: Message) -> FileRead:
    method = part.get_param("method")
    return part.get_content_type(), str(method) if method else None, part.get_filename(), _payload(part)


def _payload(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _read_as(header: str, value: str) -> object:
    if header in _OF_PEOPLE:
        return [(_decoded(name), address) for name, address in getaddresses([value])]
    return _decoded(value)


def _decoded(value: str) -> str:
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", value)
    return str(make_header(decode_header(unfolded)))
