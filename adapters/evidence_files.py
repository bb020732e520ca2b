"""Evidence outside the database: one file a content, named by its SHA-256, in the folder ``RACORD_EVIDENCE_DIR``.

What the sender says of a file is not believed: its kind is told by its content, and only kinds that prove something
and run nowhere are kept. A file is there whole or not at all; what a kill leaves behind has a name that is never read.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from email import policy
from email.errors import MessageDefect
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import BinaryIO

from domain.errors import Invalid, RacordError

LARGEST = 20_000_000
LEFT_OVER = ".unfinished-"
_CHUNK = 256 * 1024
_MAGIC = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
MAIL = "message/rfc822"


@dataclass(frozen=True)
class Kept:
    """A file that is safely on the disk."""

    sha256: str
    size: int
    media_type: str


class EvidenceFiles:
    """The folder; made when the first file comes. Its methods block: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, source: BinaryIO) -> Kept:
        """Copies ``source`` chunk by chunk; the same content again is the same file.

        Raises :class:`Invalid` where it is too large, or of a kind that is not accepted.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(prefix=LEFT_OVER, dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as target:
                kept = _copied(source, target)
                target.flush()
                os.fsync(target.fileno())
            self._put_in_place(Path(unfinished), kept.sha256)
        finally:
            Path(unfinished).unlink(missing_ok=True)
        return kept

    def read(self, sha256: str) -> bytes:
        """The whole content, which is small enough, so that no byte leaves before the last one was checked.

        Raises a :class:`RacordError` (``evidence-damaged``) where it is not what was kept.
        """
        try:
            content = self._place(sha256).read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise RacordError(
                "The file {sha256} is missing in the folder of evidence, or is not what was uploaded.",
                mend="Tell whoever runs Racord: it has to be brought back from the backup.",
                code="evidence-damaged",
                sha256=sha256,
            )
        return content

    def _place(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _put_in_place(self, unfinished: Path, sha256: str) -> None:
        """Also over a file of that name: if that one is damaged, this mends it."""
        place = self._place(sha256)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        unfinished.replace(place)
        for folder in (place.parent, self._folder):
            _sync_folder(folder)


def _copied(source: BinaryIO, target: BinaryIO) -> Kept:
    chunk = source.read(_CHUNK)
    media_type, digest, size = media_type_of(chunk), hashlib.sha256(), 0
    while chunk:
        size += len(chunk)
        if size > LARGEST:
            raise Invalid(
                "The file is larger than {megabytes} MB.",
                mend="Send a smaller one: the pages that prove it, or pictures of less detail.",
                code="file-too-large",
                megabytes=LARGEST // 1_000_000,
            )
        digest.update(chunk)
        target.write(chunk)
        chunk = source.read(_CHUNK)
    return Kept(digest.hexdigest(), size, media_type)


def media_type_of(head: bytes) -> str:
    """The kind of file, told by how it begins. Raises :class:`Invalid` where it is none that is accepted."""
    for magic, media_type in _MAGIC.items():
        if head.startswith(magic):
            return media_type
    if _begins_a_mail(head):
        return MAIL
    raise Invalid(
        "The file is not a PDF, an e-mail (.eml), a PNG or a JPEG; its name does not count.",
        mend="Save the document as PDF or the message as .eml, or take a picture of it.",
        code="wrong-file-type",
    )


def _begins_a_mail(head: bytes) -> bool:
    """RFC 5322: fields from the first line on, and among them who sent it when, or the way that it came."""
    fields = BytesHeaderParser(policy=policy.compat32).parsebytes(head)
    defects: list[MessageDefect] = fields.defects
    says_whence = ("From" in fields and "Date" in fields) or "Received" in fields
    return says_whence and not defects and b"\0" not in head


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
