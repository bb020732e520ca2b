"""Opaque ids: a prefix that says what it is, and 100 random bits; sortable by nothing, guessable by nobody."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(20))
