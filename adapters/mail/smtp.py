"""Hands a message to the mail server, and says exactly what became of it.

MailError
├── TryLater          nothing was delivered; the same may work later
├── MessageRefused    the server's lasting no to the message
│   └── RecipientRefused  … to one of its recipients: nobody got it
└── Unknown           the server may or may not have it
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from adapters.settings import Settings, SmtpSecurity

COMMAND_SECONDS = 20
# Less than the activity's own time, so that what happened can still be written down.
WHOLE_SECONDS = 45


class MailError(Exception):
    """What went wrong, in words for a person; ``answer`` is the server's own."""

    def __init__(self, reason: str, answer: str = "") -> None:
        self.answer = answer or reason
        super().__init__(reason)


class TryLater(MailError):
    """Nothing was delivered; the same may work later."""


class MessageRefused(MailError):
    """The server will never take this message."""


class RecipientRefused(MessageRefused):
    """The server will never take this recipient; the message went to nobody."""

    def __init__(self, address: str, answer: str) -> None:
        self.address = address
        super().__init__(f"The mail server refused {address}: {answer}", answer)


class Unknown(MailError):
    """The connection broke while the message was being handed over: the server may or may not have it."""


class Mailer:
    """The mail server of the settings. One connection a message; nothing is opened before."""

    def __init__(self, settings: Settings, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls

    async def send(self, message: bytes, sender: str, recipients: Sequence[str]) -> str:
        """Hands ``message`` over for all the recipients or for none, and returns the server's answer to it.

        ``sender`` is the envelope's: bounces go there. Raises a :class:`MailError` in every other case.
        """
        server, handing_over = self._server(), False
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                await server.connect()
                await self._address(server, sender, recipients)
                handing_over = True
                code, answer = await server.data(message)
        except SMTPResponseException as error:
            raise _answered(error, handing_over) from error
        except (SMTPException, OSError) as error:
            server.close()
            if handing_over:
                raise Unknown(
                    f"The connection broke while the message was handed over: {_said(error)}"
                ) from error
            raise TryLater(f"The mail server cannot be reached safely: {_said(error)}") from error
        finally:
            await _leave(server)
        return _one_line(code, answer)

    def _server(self) -> SMTP:
        """Not connected yet; connecting includes STARTTLS and login where the settings want them."""
        settings = self._settings
        password = settings.smtp_password
        return SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            use_tls=settings.smtp_security is SmtpSecurity.TLS,
            start_tls=settings.smtp_security is SmtpSecurity.STARTTLS,
            tls_context=self._tls,
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
            local_hostname=urlsplit(settings.public_url).hostname,
            timeout=COMMAND_SECONDS,
        )

    async def _address(self, server: SMTP, sender: str, recipients: Sequence[str]) -> None:
        await server.mail(sender)
        for recipient in recipients:
            try:
                await server.rcpt(recipient)
            except aiosmtplib.SMTPRecipientRefused as error:
                with suppress(SMTPException, OSError):
                    await server.rset()
                raise _recipient_refused(error) from error


async def _leave(server: SMTP) -> None:
    if server.is_connected:
        with suppress(SMTPException, OSError):
            await server.quit(timeout=2)
    server.close()


def _recipient_refused(error: aiosmtplib.SMTPRecipientRefused) -> MailError:
    answer = _one_line(error.code, error.message)
    if error.code < 500:
        return TryLater(f"The mail server does not take {error.recipient} now: {answer}", answer)
    return RecipientRefused(error.recipient, answer)


def _answered(error: SMTPResponseException, handing_over: bool) -> MailError:
    answer = _one_line(error.code, error.message)
    if isinstance(error, aiosmtplib.SMTPSenderRefused) and error.code >= 500:
        return MessageRefused(f"The mail server refused the sender {error.sender}: {answer}", answer)
    if not handing_over or 400 <= error.code < 500:
        # A login or greeting refused for good is for the operator to mend; the message waits for it.
        return TryLater(f"The mail server does not take messages now: {answer}", answer)
    if error.code >= 500:
        return MessageRefused(f"The mail server refused the message: {answer}", answer)
    return Unknown(f"The mail server's answer to the message makes no sense: {answer}", answer)


def _one_line(code: int, answer: str) -> str:
    return " ".join(f"{code} {answer}".split())[:500]


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
