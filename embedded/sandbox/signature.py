"""Standard Webhooks 1.0 as a receiver verifies it (docs/partner-protocol.md)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
LONGEST_ID = 200


class UnverifiedError(Exception):
    """What came is not known to be Racord's; ``status`` is the answer."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def key_of(secret: str) -> bytes:
    """The bytes behind ``whsec_…``; raises :class:`ValueError` for what is no such secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(f"a secret is {PREFIX} and the Base64 of 24 to 64 bytes")
    return key


def verify(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The `webhook-id` of a request signed with any of ``keys`` within five minutes of ``now``.

    ``headers`` have names in lower case. Raises :class:`UnverifiedError`.
    """
    named, stamp, signatures = (
        headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature")
    )
    if not (named and stamp and signatures):
        raise UnverifiedError(400, "webhook-id, webhook-timestamp and webhook-signature are needed")
    if len(named) > LONGEST_ID or not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 16):
        raise UnverifiedError(400, "webhook-id is too long, or webhook-timestamp is not in seconds")
    given = [mac for version, _, mac in (one.partition(",") for one in signatures.split()) if version == "v1"]
    content = f"{named}.{stamp}.".encode() + body
    wanted = [base64.b64encode(hmac.digest(key, content, hashlib.sha256)) for key in keys]
    if not any(hmac.compare_digest(mac.encode(), right) for mac in given for right in wanted):
        raise UnverifiedError(401, "no signature fits the body and a secret known here")
    if abs(now - int(stamp)) > TOLERANCE_SECONDS:
        raise UnverifiedError(
            401, f"webhook-timestamp is more than {TOLERANCE_SECONDS} s from the clock here"
        )
    return named
