"""Keys, login links and sessions as rows: only SHA-256 hashes of secrets are kept. Nothing here commits."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.tables import ApiKeyRow, LoginLinkRow, SessionRow
from adapters.identifiers import new_id

SESSION_LASTS = timedelta(hours=12)


def hashed(secret: str) -> bytes:
    """Keys and tokens are long and random, so one SHA-256 is enough to keep them unreadable."""
    return hashlib.sha256(secret.encode()).digest()


async def create_api_key(
    session: AsyncSession,
    name: str,
    role: str,
    provider_id: str | None = None,
    partner: str | None = None,
) -> str:
    """A new key, shown this once; ``provider_id`` limits it to that provider, ``partner`` to that partner's feed."""
    key = "rk_" + secrets.token_urlsafe(30)
    session.add(
        ApiKeyRow(
            id=new_id("key"),
            name=name,
            role=role,
            provider_id=provider_id,
            partner=partner,
            key_hash=hashed(key),
        )
    )
    await session.flush()
    return key


async def list_api_keys(session: AsyncSession) -> Sequence[ApiKeyRow]:
    """All keys, oldest first, revoked ones too."""
    return (await session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at))).all()


async def revoke_api_key(session: AsyncSession, key_id: str) -> bool:
    """Revokes a key from the next request on; False where there is no living one of that id."""
    revoked = await session.execute(
        update(ApiKeyRow)
        .where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
        .returning(ApiKeyRow.id)
    )
    return revoked.first() is not None


async def key_works(session: AsyncSession, key: str) -> bool:
    """Whether the key is known and not revoked."""
    ask = select(ApiKeyRow.id).where(ApiKeyRow.key_hash == hashed(key), ApiKeyRow.revoked_at.is_(None))
    return await session.scalar(ask) is not None


async def create_login_link(
    session: AsyncSession, name: str, role: str, minutes: int = 60, provider_id: str | None = None
) -> str:
    """The token of a one-time link that opens a session; with ``provider_id`` it sees that provider only."""
    token = secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + timedelta(minutes=minutes)
    session.add(
        LoginLinkRow(
            token_hash=hashed(token), name=name, role=role, provider_id=provider_id, expires_at=expires_at
        )
    )
    await session.flush()
    return token


async def use_login_link(session: AsyncSession, token: str) -> str | None:
    """Takes the link's one use and opens a session: its token, or None for a used, expired or unknown link."""
    now = datetime.now(UTC)
    taken = await session.execute(
        update(LoginLinkRow)
        .where(
            LoginLinkRow.token_hash == hashed(token),
            LoginLinkRow.used_at.is_(None),
            LoginLinkRow.expires_at > now,
        )
        .values(used_at=now)
        .returning(LoginLinkRow.name, LoginLinkRow.role, LoginLinkRow.provider_id)
    )
    who = taken.one_or_none()
    if who is None:
        return None
    fresh = secrets.token_urlsafe(32)
    session.add(
        SessionRow(
            token_hash=hashed(fresh),
            id=new_id("ses"),
            name=who.name,
            role=who.role,
            provider_id=who.provider_id,
            expires_at=now + SESSION_LASTS,
        )
    )
    await session.flush()
    return fresh


async def revoke_session(session: AsyncSession, token: str) -> None:
    await session.execute(
        update(SessionRow).where(SessionRow.token_hash == hashed(token)).values(revoked_at=datetime.now(UTC))
    )
