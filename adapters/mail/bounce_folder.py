"""The Maildir into which the mail server, or a program that fetches mail, puts what comes back to Racord's address.

What was read moves to ``cur`` with the flag “seen”. Nothing is written anew, and nothing deleted.
"""

import mailbox
from pathlib import Path

from adapters.mail.delivery_report import LONGEST_REPORT


def prepare(folder: Path) -> None:
    """Makes the Maildir where there is none."""
    mailbox.Maildir(folder, create=True)


def unseen(folder: Path) -> list[Path]:
    """What nobody has read yet, oldest name first."""
    found = [*(folder / "new").iterdir(), *(folder / "cur").iterdir()]
    return sorted(
        (one for one in found if not one.name.startswith(".") and "S" not in _flags(one) and one.is_file()),
        key=lambda one: one.name,
    )


def content_of(message: Path) -> bytes:
    """As much of it as a report may be long."""
    with message.open("rb") as file:
        return file.read(LONGEST_REPORT)


def mark_seen(message: Path) -> None:
    """Another reader may have been faster."""
    name = message.name.partition(":")[0]
    flags = "".join(sorted({*_flags(message), "S"}))
    try:
        message.rename(message.parent.parent / "cur" / f"{name}:2,{flags}")
    except FileNotFoundError:
        return


def _flags(message: Path) -> str:
    return message.name.partition(":2,")[2]
