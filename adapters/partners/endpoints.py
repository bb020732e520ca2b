"""Where partners' systems listen, and the secrets that sign for them, as the settings say it (Standard Webhooks 1.0)."""

import binascii
import json
from base64 import b64decode
from collections.abc import Collection
from ipaddress import ip_address
from typing import Any

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

SHORTEST_KEY = 24


class PartnerEndpoint(BaseModel):
    """Where a partner's system listens, and the secrets that sign for it: all of them, the first one first."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    secrets: tuple[SecretStr, ...] = Field(min_length=1)

    @property
    def host(self) -> str:
        return canonical_host(_url(self.url).raw_host.decode("ascii"))

    @property
    def is_encrypted(self) -> bool:
        return _url(self.url).scheme == "https"

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        url = _url(value)
        if url.scheme not in ("https", "http") or not url.host or not 0 < (url.port or 443) < 65536:
            raise ValueError("write it as https://host/path")
        if url.userinfo or "#" in value:
            raise ValueError("write it without a user, a password or a part behind “#”")
        return value

    @field_validator("secrets")
    @classmethod
    def _are_secrets(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for number, secret in enumerate(secrets, 1):
            if _key_bytes(secret.get_secret_value()) < SHORTEST_KEY:
                raise ValueError(
                    f"secret {number} is not “whsec_” and {SHORTEST_KEY} bytes or more in Base64; "
                    "make one with: echo whsec_$(openssl rand -base64 32)"
                )
        return secrets


def _key_bytes(secret: str) -> int:
    """How long the key in a Standard Webhooks secret is; 0 where it is none."""
    prefix, _, key = secret.partition("whsec_")
    try:
        return 0 if prefix else len(b64decode(key + "=" * (-len(key) % 4), validate=True))
    except (binascii.Error, ValueError):
        return 0


def read_endpoints(value: object, private_hosts: Collection[str]) -> dict[str, PartnerEndpoint]:
    """The endpoints by slug, from JSON or a mapping.

    A wrong one is a ValueError with its slug and what to mend; what was written, and so a secret, never shows.
    """
    if isinstance(value, str):
        value = _json(value)
    if not isinstance(value, dict):
        raise ValueError('write it as {"slug": {"url": "https://…", "secrets": ["whsec_…"]}}')
    return {slug: _endpoint(slug, endpoint, private_hosts) for slug, endpoint in value.items()}


def _json(text: str) -> object:
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None


def _endpoint(slug: str, value: Any, private_hosts: Collection[str]) -> PartnerEndpoint:
    try:
        endpoint = PartnerEndpoint.model_validate(value)
    except ValidationError as error:
        wrong = (
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise ValueError(f"{slug}: {'; '.join(wrong)}") from None
    if not endpoint.is_encrypted and endpoint.host not in private_hosts:
        raise ValueError(
            f"{slug}: url: write https://, or name {endpoint.host} in RACORD_PARTNER_PRIVATE_HOSTS"
        )
    return endpoint


def private_host(text: str) -> str:
    """A host of the allow-list as it is compared; a ValueError where it is more than a host."""
    if not _is_host(text):
        raise ValueError(f"{text} is not a host: write a name or an IP address alone, without port")
    return canonical_host(text)


def _is_host(text: str) -> bool:
    try:
        return bool(ip_address(text.strip("[]")))
    except ValueError:
        return not set(text) & set("/@?#:%\\ ") and bool(canonical_host(text))


def canonical_host(host: str) -> str:
    """A host as hosts are compared: names in small ASCII letters, addresses in their shortest form."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return _url(f"https://{host}").raw_host.decode("ascii")


def _url(text: str) -> httpx2.URL:
    try:
        return httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ValueError("is not an address") from error
