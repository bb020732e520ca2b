"""Secrets of the sandbox's partners: made for `make run`, and read from ``RACORD_SANDBOX_SECRETS``."""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from embedded.sandbox.signature import PREFIX, key_of

VARIABLE = "RACORD_SANDBOX_SECRETS"
_SLUG_LINE = re.compile(r"^slug:[ \t]*[\"']?([a-z0-9][a-z0-9-]*)", re.MULTILINE)
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]*")


def slugs_in(folder: Path) -> list[str]:
    """Slugs of the playbooks in ``folder``, found without reading them as YAML: that would slow each start down."""
    files = sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))
    found = (_SLUG_LINE.search(path.read_text(errors="replace")) for path in files)
    return [line[1] for line in found if line]


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def completed(known: Mapping[str, list[str]], slugs: list[str]) -> dict[str, list[str]]:
    """``known``, with one fresh secret for each partner that has none."""
    return {**{slug: [new_secret()] for slug in slugs if slug not in known}, **known}


def keys_of(text: str) -> dict[str, tuple[bytes, ...]]:
    """Keys by slug; raises :class:`ValueError`, which never repeats a secret."""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ValueError('it must be JSON like {"generali": ["whsec_..."]}')
    return {slug: _keys(slug, of) for slug, of in told.items()}


def _keys(slug: str, of: object) -> tuple[bytes, ...]:
    if not _SLUG.fullmatch(slug):
        raise ValueError(f"“{slug}” is no slug of a partner: small letters, digits and hyphens")
    if not isinstance(of, list) or not of or not all(isinstance(one, str) for one in of):
        raise ValueError(f"{slug} needs a list of one secret or more")
    try:
        return tuple(key_of(one) for one in of)
    except ValueError as wrong:
        raise ValueError(f"{slug}: {wrong}") from None
