"""Speaks to partners' systems over HTTP: signed, to checked addresses, once, with an end to patience and to reading.

The protocol is told in docs/partner-protocol.md; the signatures are those of Standard Webhooks 1.0. No proxy of the
environment is used, no redirect followed, nothing is unpacked: httpcore does none of these by itself.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import floor
from types import TracebackType
from typing import Self

import httpcore2
import httpx2
from standardwebhooks import Webhook

from adapters.identifiers import new_id
from adapters.partners.addresses import AddressRefused, CheckedNetwork, Resolver, resolve_by_system
from adapters.partners.answers import COMPRESSED, TOO_LONG, Answer, held_in, push_answer, status_words
from adapters.partners.endpoints import PartnerEndpoint
from adapters.settings import Settings
from domain.delivery import Held, PushAnswer, Verdict
from domain.errors import N_

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 10.0
LONGEST_ANSWER = 4 * 1024 * 1024
_IDLE_CONNECTIONS = 20
_IDLE_SECONDS = 30.0
# Why there is no answer. Kept in English; pages say it in the reader's language.
BAD_CERTIFICATE = N_("its certificate is not valid: {trouble}")
NO_TLS = N_("no connection with TLS")
NO_CONNECTION_WITHIN = N_("no connection within {seconds} s")
NO_CONNECTION = N_("no connection")
NO_HTTP = N_("it hung up, or its answer is not HTTP")
NO_ANSWER_WITHIN = N_("no answer within {seconds} s")
BROKE_OFF = N_("the connection broke off")


class NoAnswer(Exception):
    """The partner's system did not answer, or not so that it can be used; ``detail`` is for people."""

    def __init__(self, detail: str, verdict: Verdict = Verdict.LATER) -> None:
        self.detail = detail
        self.verdict = verdict
        super().__init__(detail)


class PartnerClient:
    """One for a process, for all partners; closed with :meth:`close` or by ``async with``."""

    def __init__(
        self,
        settings: Settings,
        resolve: Resolver = resolve_by_system,
        *,
        network: httpcore2.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        # No limit over all partners: one that is slow must not take the others' turns.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=CheckedNetwork(settings.partner_private_hosts, resolve, network),
        )

    async def push(
        self, endpoint: PartnerEndpoint, delivery_id: str, body: bytes, now: datetime
    ) -> PushAnswer:
        """Delivers ``body``, JSON in UTF-8, and says what became of it; never raises for the partner's sake.

        ``delivery_id`` is the same for each try of a delivery; ``now`` is this try's time.
        """
        try:
            answer = await self._ask(
                "POST", httpx2.URL(endpoint.url), _signed(endpoint, delivery_id, now, body), body
            )
        except NoAnswer as none:
            return PushAnswer(verdict=none.verdict, detail=none.detail)
        return push_answer(answer, now)

    async def held(self, endpoint: PartnerEndpoint, connection_id: str, now: datetime) -> Held | None:
        """What the partner holds of a connection; None where it does not offer to say. Raises :class:`NoAnswer`."""
        url = httpx2.URL(endpoint.url).copy_set_param("connection", connection_id)
        # An id of its own each time, so that no partner repeats an earlier answer.
        answer = await self._ask("GET", url, _signed(endpoint, new_id("ask"), now, b""))
        if answer.status in (405, 501):
            return None
        if answer.status in (404, 410):
            return Held()
        if not 200 <= answer.status < 300:
            raise NoAnswer(status_words(answer.status))
        if answer.unread:
            raise NoAnswer(answer.unread)
        try:
            return held_in(answer.body, connection_id)
        except ValueError as error:
            raise NoAnswer(str(error)) from error

    async def _ask(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """The answer of one try, within ten seconds. Raises :class:`NoAnswer`."""
        try:
            async with (
                asyncio.timeout(WHOLE_SECONDS),
                self._pool.stream(
                    method,
                    httpcore2.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=[*headers.items(), ("Host", url.netloc.decode("ascii"))],
                    content=body,
                    extensions={"timeout": {"connect": CONNECT_SECONDS}},
                ) as response,
            ):
                return await _read(response)
        except AddressRefused as refused:
            raise NoAnswer(str(refused), Verdict.REFUSED) from refused
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            OSError,
        ) as error:
            raise NoAnswer(_in_words(error)) from error

    async def close(self) -> None:
        await self._pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _signed(endpoint: PartnerEndpoint, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of one try, signed with every secret."""
    # The library takes any time for UTC, whatever zone it says.
    at = now.astimezone(UTC)
    signatures = [
        Webhook(secret.get_secret_value()).sign(message_id, at, body.decode()) for secret in endpoint.secrets
    ]
    return {
        "Content-Type": "application/json",
        "User-Agent": f"Racord/{_version()}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(floor(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _version() -> str:
    try:
        return version("racord")
    except PackageNotFoundError:  # a checkout that was not installed
        return "dev"


async def _read(response: httpcore2.Response) -> Answer:
    """The answer; its body where it says that it was taken, is not packed, and has an end."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    answer = Answer(response.status, headers)
    if not 200 <= response.status < 300:
        return answer
    body = bytearray()
    async with aclosing(response.aiter_stream()) as parts:
        async for part in parts:
            body += part
            if len(body) > LONGEST_ANSWER:
                return Answer(response.status, headers, unread=TOO_LONG)
    if body and headers.get("content-encoding", "identity").strip().lower() != "identity":
        return Answer(response.status, headers, unread=COMPRESSED)
    return Answer(response.status, headers, bytes(body))


def _in_words(error: Exception) -> str:
    """Why there is no answer, for people."""
    broken = _of_tls(error)
    if isinstance(broken, ssl.SSLCertVerificationError):
        return BAD_CERTIFICATE.format(trouble=broken.verify_message)
    if broken is not None:
        return NO_TLS
    if isinstance(error, httpcore2.ConnectTimeout):
        return NO_CONNECTION_WITHIN.format(seconds=f"{CONNECT_SECONDS:g}")
    if isinstance(error, httpcore2.ConnectError):
        return NO_CONNECTION
    if isinstance(error, httpcore2.ProtocolError):
        return NO_HTTP
    if isinstance(error, TimeoutError):
        return NO_ANSWER_WITHIN.format(seconds=f"{WHOLE_SECONDS:g}")
    return BROKE_OFF


def _of_tls(error: BaseException | None) -> ssl.SSLError | None:
    """The failure of TLS that lies below ``error``, if one does."""
    # Not the cause: httpcore's pool takes that away.
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__context__
    return error
