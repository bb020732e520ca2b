"""Reads a delivery status notification (RFC 3464): which message came back, from whom, and why. Its sender is anybody.

What is no lasting failure is no report: a delay, a delivery, a read receipt, an auto-reply, spam. ``failed`` is one
whatever its status: the server has given up (RFC 3464, 2.3.3), if only after days of a passing 4.x.x.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import Message

from adapters.mail.message import one_line

LONGEST_REPORT = 1024 * 1024
LONGEST_DIAGNOSTIC = 500
MOST_RECIPIENTS = 100
# The parser compares every line with every boundary that is open: a nest of them would keep it for minutes.
MOST_BOUNDARIES = 50

_MESSAGE_ID = re.compile(r"<[^<>\s]{1,300}>")
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"([45])\d\d(?!\d)")
_ORIGINALS = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")


@dataclass(frozen=True)
class Failed:
    """One recipient who will never get it. ``original`` is as we wrote it, where a server on the way says so."""

    address: str
    original: str | None
    status: str
    diagnostic: str

    @property
    def reason(self) -> str:
        return self.diagnostic or self.status

    def speaks_of(self, address: str) -> bool:
        return address.lower() in (self.address.lower(), (self.original or "").lower())


@dataclass(frozen=True)
class DeliveryReport:
    """``id`` is the report's own Message-ID, or a hash of it; ``message_id`` that of the message that came back."""

    id: str
    message_id: str
    failed: tuple[Failed, ...]


def read_report(content: bytes) -> DeliveryReport | None:
    """The report in a raw message; None where it is anything else than the lasting failure of a message."""
    content = content[:LONGEST_REPORT]
    if content.lower().count(b"boundary") > MOST_BOUNDARIES:
        return None
    try:
        return _read(message_from_bytes(content, policy=policy.compat32), content)
    except (MessageError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return None  # what the parser cannot read was not written by a mail server


def _read(report: Message, content: bytes) -> DeliveryReport | None:
    if report.get_content_type() != "multipart/report" or not report.is_multipart():
        return None
    parts = [part for part in report.get_payload() if isinstance(part, Message)]
    statuses = next((part for part in parts if part.get_content_subtype().endswith("delivery-status")), None)
    message_id = _message_id(report, parts)
    if statuses is None or message_id is None:
        return None
    failed = tuple(_failed(statuses))[:MOST_RECIPIENTS]
    own = _MESSAGE_ID.search(_field(report, "Message-ID"))
    id = own[0] if own else f"sha256:{hashlib.sha256(content).hexdigest()}"
    return DeliveryReport(id=id, message_id=message_id, failed=failed) if failed else None


def _message_id(report: Message, parts: list[Message]) -> str | None:
    """From the original, or its headers; servers that send neither name it in the report's own thread."""
    for part in parts:
        is_original = part.get_content_type() in _ORIGINALS
        if is_original and (found := _MESSAGE_ID.search(_field(_original(part), "Message-ID"))):
            return found[0]
    thread = _MESSAGE_ID.search(_field(report, "In-Reply-To")) or _MESSAGE_ID.search(
        _field(report, "X-Original-Message-ID")
    )
    return thread[0] if thread else None


def _original(part: Message) -> Message:
    content = part.get_payload()
    if isinstance(content, list):
        return content[0] if content and isinstance(content[0], Message) else Message()
    decoded = part.get_payload(decode=True)
    return message_from_bytes(decoded, policy=policy.compat32) if isinstance(decoded, bytes) else Message()


def _failed(statuses: Message) -> Iterator[Failed]:
    blocks = statuses.get_payload()
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, Message) or _field(block, "Action").lower() != "failed":
            continue
        address, original = _address(block, "Final-Recipient"), _address(block, "Original-Recipient")
        diagnostic = _field(block, "Diagnostic-Code").partition(";")[2].strip()[:LONGEST_DIAGNOSTIC]
        status = _status(_field(block, "Status"), diagnostic)
        if address or original:
            yield Failed(address or original or "", original, status, diagnostic)


def status_in(answer: str) -> str | None:
    """The enhanced status code that a server's answer names."""
    found = _STATUS.search(answer)
    return found[0] if found else None


def _status(said: str, diagnostic: str) -> str:
    """The enhanced status code; of a server that names none, what its answer was."""
    if found := status_in(said) or status_in(diagnostic):
        return found
    reply = _REPLY.match(diagnostic)
    return f"{reply[1]}.0.0" if reply else "5.0.0"


def _address(block: Message, name: str) -> str | None:
    kind, _, address = _field(block, name).partition(";")
    address = address.strip().strip("<>").strip()
    return address if kind.strip().lower() in ("rfc822", "utf-8") and 3 <= len(address) <= 254 else None


def _field(message: Message, name: str) -> str:
    return one_line(str(message.get(name, "")), 2000)
