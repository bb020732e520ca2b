"""The catalogue: providers, and the one way in which a change of it reaches Temporal. Nothing here commits.

Whoever changes a provider's catalogue first takes :func:`lock`, which makes its writers take turns. An
onboarding that is being opened waits for that lock too (its foreign key needs the row), so no change falls
between its workflow's first look at the facts and the first nudge that it can hear.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import changes as history
from adapters.database.changes import RACORD, Author, Kind
from adapters.database.tables import OPEN_STATUSES, OUTBOX_CHANNEL, Provider
from adapters.identifiers import new_id

# What of a provider has a say in when its calendars are open: public holidays, and the clock.
OF_OPENINGS = {"country", "time_zone"}

_TOUCH = text(
    f"""
    WITH wanted AS (
        SELECT unnest(CAST(:partners AS text[])) AS partner
        UNION SELECT partner FROM channels WHERE provider_id = :provider AND :all
        UNION SELECT partner FROM onboardings
            WHERE provider_id = :provider AND :all AND status IN {OPEN_STATUSES}
    ), touched AS (
        INSERT INTO channels (provider_id, partner, enabled, version, updated_at)
        SELECT :provider, partner, false, 1, now() FROM wanted ORDER BY partner
        ON CONFLICT (provider_id, partner) DO UPDATE SET version = channels.version + 1, updated_at = now()
        RETURNING partner, version
    ), written AS (
        INSERT INTO outbox (provider_id, partner, version)
        SELECT :provider, partner, version FROM touched RETURNING partner
    )
    SELECT touched.partner, touched.version FROM touched JOIN written USING (partner)
    """  # noqa: S608 - a constant of ours
)


async def touch(
    session: AsyncSession, provider_id: str, partners: Sequence[str] | None = None
) -> dict[str, int]:
    """Says that these channels changed (None: all of the provider's): bumps versions, fills the outbox.

    Every touched channel gets one outbox row, whoever listens: which workflow hears it is the outbox reader's
    to find out. The provider's channels are those ever touched and those being onboarded. Answers with the
    new version by partner.
    """
    asked = {"provider": provider_id, "partners": list(partners or ()), "all": partners is None}
    found = await session.execute(_TOUCH, asked)
    versions = {row.partner: row.version for row in found}
    if versions:
        await session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": OUTBOX_CHANNEL})
    return versions


async def lock(session: AsyncSession, provider_id: str) -> Provider | None:
    """The provider, its catalogue ours to change until the transaction ends; None where there is none."""
    # Rows that only name the provider may be written meanwhile: whoever writes those of a connection has that one locked,
    # which we may be about to want (R17).
    ask = select(Provider).where(Provider.id == provider_id).with_for_update(key_share=True)
    return (await session.scalars(ask)).one_or_none()


async def provider(session: AsyncSession, provider_id: str) -> Provider | None:
    return await session.get(Provider, provider_id)


async def create_provider(session: AsyncSession, by: Author = RACORD, /, **values: Any) -> Provider:
    """``values``: name, email, locale, time_zone, country, contacts, all checked by the caller."""
    made = Provider(id=new_id("prv"), version=1, **values)
    session.add(made)
    await session.flush()
    await history.write(session, made.id, Kind.PROVIDER_CREATED, by, new=values)
    return made


async def change_provider(
    session: AsyncSession, found: Provider, changes: Mapping[str, Any], *, by: Author = RACORD
) -> bool:
    """Whether anything changed. Its channels are touched where the days and hours of its openings are others by it (R6)."""
    old = await change(session, found, changes)
    if old.keys() & OF_OPENINGS:
        await touch(session, found.id)
    if old:
        new = {name: changes[name] for name in old}
        await history.write(session, found.id, Kind.PROVIDER_CHANGED, by, old=old, new=new)
    return bool(old)


async def list_providers(
    session: AsyncSession, *, limit: int, after: tuple[str, str] | None, only: str | None = None
) -> Sequence[Provider]:
    """At most ``limit`` by name from behind ``after`` = (name, id); ``only`` is the one that may be seen."""
    ask = select(Provider).order_by(Provider.name, Provider.id).limit(limit)
    if after is not None:
        ask = ask.where(tuple_(Provider.name, Provider.id) > after)
    if only is not None:
        ask = ask.where(Provider.id == only)
    return (await session.scalars(ask)).all()


async def change(session: AsyncSession, row: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Sets what differs and bumps the row's ``version``; answers with the old values of what differed."""
    old = {name: getattr(row, name) for name, value in changes.items() if getattr(row, name) != value}
    for name in old:
        setattr(row, name, changes[name])
    if old:
        row.version += 1
        await session.flush()
    return old
