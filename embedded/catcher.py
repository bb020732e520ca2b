"""The mail catcher: `python -m embedded.catcher --port P --dir D` keeps every message and delivers none.

Each message becomes one ``.eml`` file, whole or not at all, whose name sorts by time; the envelope is put in
front as ``X-Envelope-From`` and ``X-Envelope-To``. For tests, recipients that begin with ``refuse-4xx`` or
``refuse-5xx`` are refused for now or for good.
"""

import argparse
import asyncio
import secrets
import signal
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from embedded.ports import LOOPBACK

REFUSALS = {
    "refuse-4xx": "451 4.2.1 The mailbox is busy, try again later",
    "refuse-5xx": "550 5.1.1 No such mailbox",
}
LARGEST_MESSAGE = 32 * 1024 * 1024


class Mailbox:
    """An aiosmtpd handler that stores what it is given in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        for prefix, answer in REFUSALS.items():
            if address.startswith(prefix):
                return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd names it
        name = f"{time.time_ns():020d}-{secrets.token_hex(3)}.eml"
        lines = [("From", envelope.mail_from or ""), *(("To", recipient) for recipient in envelope.rcpt_tos)]
        head = "".join(f"X-Envelope-{kind}: {address}\r\n" for kind, address in lines).encode()
        content = envelope.content or b""
        assert isinstance(content, bytes)
        half = self.folder / f".{name}.half"
        half.write_bytes(head + content)
        half.rename(self.folder / name)
        return f"250 2.0.0 Kept as {name}"


async def serve(port: int, folder: Path) -> None:
    """Catch mail until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    mailbox = Mailbox(folder)
    server = await loop.create_server(
        lambda: SMTP(
            mailbox,
            hostname="racord.localhost",
            enable_SMTPUTF8=True,
            data_size_limit=LARGEST_MESSAGE,
            loop=loop,
        ),
        LOOPBACK,
        port,
    )
    await stopping.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Catches every mail and delivers none.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.dir))


if __name__ == "__main__":
    main()
