"""Signed tokens: a value, a dot, a signature. They prove that we wrote the value; they do not hide it."""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256

from itsdangerous import Signer
from pydantic import SecretStr

_URL_SAFE = re.compile(r"[A-Za-z0-9_~-]+")
_LONGEST_TOKEN = 1024


class LinkSigner:
    """Signs values for one purpose; a token made for another purpose is never accepted.

    The first key signs, all verify: put a new one in front, and keep the old one until its tokens are over.
    """

    def __init__(self, keys: Sequence[SecretStr | str], purpose: str = "link") -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        self._signers = tuple(
            Signer(
                key.get_secret_value() if isinstance(key, SecretStr) else key,
                salt=f"racord.{purpose}",
                key_derivation="hmac",
                digest_method=sha256,
            )
            for key in keys
        )

    def token(self, value: str) -> str:
        """The token of a value, always the same; the value is of letters, digits, ``_``, ``-`` and ``~``."""
        if not _URL_SAFE.fullmatch(value):
            raise ValueError("only letters, digits, “_”, “-” and “~” can be signed")
        return self._signers[0].sign(value).decode("ascii")

    def value(self, token: str) -> str | None:
        """The value that was signed; ``None`` for all that :meth:`token` did not write letter by letter."""
        value, dot, _ = token.rpartition(".")
        if not dot or len(token) > _LONGEST_TOKEN or not _URL_SAFE.fullmatch(value):
            return None
        # Signed anew and compared whole: decoders of base64 accept several spellings of one signature.
        given = token.encode("utf-8", "surrogatepass")
        known = [hmac.compare_digest(signer.sign(value), given) for signer in self._signers]
        return value if any(known) else None

    link_id = value
