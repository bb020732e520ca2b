"""Makes the bytes of a message, and makes sure that they say what was meant: these headers, people and texts.

Names and subjects come from people. Whatever is in them, they add no header and no recipient: control
characters are taken out, names are cut to 60 characters, all that is not plain is encoded, and the finished
message is read back and compared with what was intended.
"""

import re
import textwrap
import unicodedata
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime

from adapters.mail.read_back import FileRead, difference

LONGEST_NAME = 60
LONGEST_SUBJECT = 150

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 .,'&()/+_-]*")
_PLAIN_TEXT = re.compile(r"(?! )(?:[!-~]{1,60}(?: |$))*")
_ENCODED_BYTES = 36  # with its frame and the longest header's name, one encoded word fits a line


class BadAddress(ValueError):
    """No mail can go to this address; the text names it."""


class UnfaithfulMessage(Exception):
    """What was serialised is not what was meant; it must not be sent."""


@dataclass(frozen=True)
class Mailbox:
    """A person or desk: an address in ASCII, and a name that is safe in a header (it may be empty)."""

    email: str
    name: str = ""

    @classmethod
    def of(cls, email: str, name: str = "") -> "Mailbox":
        """Cleans the name, writes a domain's other letters in ASCII; raises :class:`BadAddress`."""
        local, _, domain = email.strip().rpartition("@")
        try:
            ascii_email = f"{local}@{domain.encode('idna').decode('ascii')}"
        except UnicodeError:
            ascii_email = ""
        if not _ADDRESS.fullmatch(ascii_email) or len(ascii_email) > 254:
            raise BadAddress(f"“{one_line(email)}” is not an e-mail address that mail can be sent to")
        return cls(email=ascii_email, name=one_line(name)[:LONGEST_NAME].strip())


@dataclass(frozen=True)
class Attachment:
    """A text file that goes along, UTF-8; ``name`` is plain ASCII, ``kind`` the part behind `text/`."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True)
class Invitation:
    """A calendar entry (iCalendar, UTF-8) that a mail program offers to take over. ``method``: `REQUEST` or `CANCEL`."""

    method: str
    content: bytes
    name: str = "invite.ics"


@dataclass(frozen=True)
class Draft:
    """A message as it is meant. ``sender`` is who really sends where ``author`` is somebody else."""

    message_id: str
    at: datetime
    author: Mailbox
    recipients: tuple[Mailbox, ...]
    subject: str
    text: str
    html: str
    language: str
    copies: tuple[Mailbox, ...] = ()
    sender: Mailbox | None = None
    reply_to: Mailbox | None = None
    attachments: tuple[Attachment, ...] = ()
    invitation: Invitation | None = None
    thread: str | None = field(default=None, metadata={"means": "Message-ID of the thread's first message"})

    @property
    def envelope(self) -> tuple[str, ...]:
        """Every address the message goes to, once."""
        return tuple(dict.fromkeys(box.email for box in (*self.recipients, *self.copies)))


def one_line(text: str, longest: int | None = None) -> str:
    """The text without line breaks, control and invisible characters, its spaces single."""
    visible = "".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
    return " ".join(visible.split())[:longest].strip()


def sealed(draft: Draft) -> bytes:
    """The message's bytes, read back and found to be what was meant; else :class:`UnfaithfulMessage`."""
    if not draft.recipients:
        raise UnfaithfulMessage("a message needs a recipient")
    headers = "".join(f"{name}: {value}\r\n" for name, value in _headers(draft))
    try:
        written = headers.encode("ascii") + _bodies(draft)
    except UnicodeEncodeError as error:
        raise UnfaithfulMessage("a header has letters that no header may have") from error
    if differs := difference(written, _intended(draft), _texts_meant(draft), [*_files_meant(draft)]):
        raise UnfaithfulMessage(f"{differs} would not say what was meant")
    return written


def _headers(draft: Draft) -> Iterator[tuple[str, str]]:
    """Written by hand: the standard library's writer makes new headers of some subjects (3.11.7)."""
    yield "From", _people([draft.author])
    if draft.sender:
        yield "Sender", _people([draft.sender])
    if draft.reply_to:
        yield "Reply-To", _people([draft.reply_to])
    yield "To", _people(draft.recipients)
    if draft.copies:
        yield "Cc", _people(draft.copies)
    yield "Subject", _words(one_line(draft.subject, LONGEST_SUBJECT))
    yield "Date", format_datetime(draft.at)
    yield "Message-ID", draft.message_id
    if draft.thread:
        yield "In-Reply-To", draft.thread
        yield "References", draft.thread
    yield "Auto-Submitted", "auto-generated"
    yield "Content-Language", draft.language


def _bodies(draft: Draft) -> bytes:
    """Both bodies, plain text first as multipart/alternative has it, then files; a draft always gives the same bytes."""
    message = EmailMessage(policy=policy.SMTP)
    message.set_content(_encodable(draft.text), cte="quoted-printable")
    message.add_alternative(_encodable(draft.html), subtype="html", cte="quoted-printable")
    mark = draft.message_id.strip("<>").partition("@")[0]
    if invited := draft.invitation:
        # A third face of the same message: that is what Outlook and Gmail show as a meeting to answer.
        message.add_alternative(
            invited.content,
            maintype="text",
            subtype="calendar",
            params={"charset": "utf-8", "method": invited.method},
        )
    message.set_boundary(f"=_{mark}")
    for file in draft.attachments:
        message.add_attachment(
            file.content,
            maintype="text",
            subtype=file.kind,
            filename=file.name,
            params={"charset": "utf-8"},
        )
    if invited:
        # For programs that show no such face. Another type, so that none takes it for a second meeting.
        message.add_attachment(invited.content, maintype="application", subtype="ics", filename=invited.name)
    if draft.attachments or invited:
        # A reader compares beginnings: neither boundary may begin as the other does.
        message.set_boundary(f"=_all_{mark}")
    return message.as_bytes()


def _people(boxes: Sequence[Mailbox]) -> str:
    return ",\r\n ".join(f"{_phrase(box.name)}\r\n <{box.email}>" if box.name else box.email for box in boxes)


def _phrase(name: str) -> str:
    return f'"{name}"' if _PLAIN_NAME.fullmatch(name) else _encoded(name)


def _words(text: str) -> str:
    if not _PLAIN_TEXT.fullmatch(text) or "=?" in text:
        return _encoded(text)
    return "\r\n ".join(textwrap.wrap(text, 66, break_long_words=False, break_on_hyphens=False))


def _encoded(text: str) -> str:
    """RFC 2047 words of base64: no letter in them means anything to a mail server."""
    chunks, chunk = [], b""
    for letter in text:
        if len(chunk) + len(letter.encode()) > _ENCODED_BYTES:
            chunks.append(chunk)
            chunk = b""
        chunk += letter.encode()
    return "\r\n ".join(f"=?utf-8?B?{b64encode(part).decode()}?=" for part in [*chunks, chunk] if part)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _texts_meant(draft: Draft) -> list[bytes]:
    return [_encodable(body).encode() for body in (draft.text, draft.html)]


def _files_meant(draft: Draft) -> Iterator[FileRead]:
    if invited := draft.invitation:
        yield "text/calendar", invited.method, None, invited.content
    for file in draft.attachments:
        yield f"text/{file.kind}", None, file.name, file.content
    if invited:
        yield "application/ics", None, invited.name, invited.content


def _intended(draft: Draft) -> dict[str, object]:
    people = {
        "from": [draft.author],
        "sender": [draft.sender] if draft.sender else [],
        "reply-to": [draft.reply_to] if draft.reply_to else [],
        "to": draft.recipients,
        "cc": draft.copies,
    }
    lines = {
        "subject": one_line(draft.subject, LONGEST_SUBJECT),
        "date": format_datetime(draft.at),
        "message-id": draft.message_id,
        "in-reply-to": draft.thread,
        "references": draft.thread,
        "auto-submitted": "auto-generated",
        "content-language": draft.language,
    }
    named = {header: [(box.name, box.email) for box in boxes] for header, boxes in people.items() if boxes}
    return {**named, **{header: line for header, line in lines.items() if line is not None}}
