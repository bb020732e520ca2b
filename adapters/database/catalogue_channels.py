"""A channel's administration: permission, ticks, prices, consent (R5).

Nothing here commits; writers hold :func:`catalogue.lock`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import changes as history
from adapters.database.catalogue import touch
from adapters.database.changes import RACORD, Author, Kind
from adapters.database.connections import end_on_channel
from adapters.database.price_edits import By, Wanted, save
from adapters.database.tables import Channel, Consent, Price, PublishedService, Service
from adapters.identifiers import new_id
from domain.connection import Cause
from domain.model import SYSTEM, Actor, Person
from domain.prices import Priced as Priced
from domain.prices import Source

_TICK = text(
    """
    WITH gone AS (
        DELETE FROM published_services
        WHERE provider_id = :provider AND partner = :partner
            AND service_id IN (SELECT unnest(CAST(:remove AS text[])))
        RETURNING service_id
    ), made AS (
        INSERT INTO published_services (provider_id, partner, service_id)
        SELECT :provider, :partner, unnest(CAST(:add AS text[]))
        ON CONFLICT DO NOTHING RETURNING service_id
    )
    SELECT (SELECT array_agg(service_id) FROM made), (SELECT array_agg(service_id) FROM gone)
    """
)


@dataclass(frozen=True)
class Ticked:
    """What came and what went, as ids in order."""

    added: list[str]
    removed: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True)
class Accepted:
    """What is accepted: a declaration in one version and language, and the SHA-256 of that very text (R9)."""

    document: str
    version: str
    language: str
    sha256: str


async def channel_version(session: AsyncSession, provider_id: str, partner: str) -> int:
    """0 for a channel that nobody has touched yet."""
    ask = select(Channel.version).where(Channel.provider_id == provider_id, Channel.partner == partner)
    return await session.scalar(ask) or 0


async def enable(
    session: AsyncSession, provider_id: str, partner: str, enabled: bool, *, by: Author = RACORD
) -> bool:
    """Gives or takes the channel's permission; whether that changed anything. Taking it ends a live connection (R17)."""
    here = (Channel.provider_id == provider_id, Channel.partner == partner)
    if bool(await session.scalar(select(Channel.enabled).where(*here))) is enabled:
        return False
    await touch(session, provider_id, [partner])
    await session.execute(update(Channel).where(*here).values(enabled=enabled))
    kind = Kind.CHANNEL_ENABLED if enabled else Kind.CHANNEL_DISABLED
    old, new = {"enabled": not enabled}, {"enabled": enabled}
    await history.write(session, provider_id, kind, by, partner=partner, old=old, new=new)
    if not enabled:
        await end_on_channel(session, provider_id, partner, Cause.PERMISSION_DISABLED, by.actor)
    return True


async def published(session: AsyncSession, provider_id: str, partner: str) -> Sequence[str]:
    """Ids of the ticked services (R7), by their code."""
    # No join: with statistics of before a bulk edit, one of 20,000 services takes half a minute.
    ticked = await _ticked(session, provider_id, partner)
    living = select(Service.id).where(Service.provider_id == provider_id, Service.deleted_at.is_(None))
    return [id for id in await session.scalars(living.order_by(Service.code, Service.id)) if id in ticked]


async def _ticked(session: AsyncSession, provider_id: str, partner: str) -> set[str]:
    ask = select(PublishedService.service_id).where(
        PublishedService.provider_id == provider_id, PublishedService.partner == partner
    )
    return set(await session.scalars(ask))


async def publish(
    session: AsyncSession, provider_id: str, partner: str, service_ids: Iterable[str], *, by: Author = RACORD
) -> bool:
    """Ticks exactly these services, which the caller knows to be alive; whether that changed anything."""
    given, before = set(service_ids), await _ticked(session, provider_id, partner)
    return bool(await tick(session, provider_id, partner, add=given - before, remove=before - given, by=by))


async def tick(
    session: AsyncSession,
    provider_id: str,
    partner: str,
    *,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    by: Author = RACORD,
) -> Ticked:
    """Ticks and unticks services (R7), known to be alive and each named on one side; says what came and went.

    20,000 of them are two statements and two rows of history.
    """
    given = {"provider": provider_id, "partner": partner, "add": sorted({*add}), "remove": sorted({*remove})}
    if not given["add"] and not given["remove"]:
        return Ticked([], [])
    added, removed = (await session.execute(_TICK, given)).one()
    done = Ticked(sorted(added or []), sorted(removed or []))
    for kind, ids, now in (
        (Kind.SERVICES_TICKED, done.added, True),
        (Kind.SERVICES_UNTICKED, done.removed, False),
    ):
        if ids:
            old, new = {"ticked": not now}, {"ticked": now}
            await history.write(
                session, provider_id, kind, by, partner=partner, service_ids=ids, old=old, new=new
            )
    if done:
        await touch(session, provider_id, [partner])
    return done


async def prices(session: AsyncSession, provider_id: str, partner: str) -> list[Priced]:
    """The channel's price list (R8), by the services' code."""
    ask = (
        select(Price.service_id, Price.amount, Price.currency)
        .join(Service, Service.id == Price.service_id)
        .where(Price.provider_id == provider_id, Price.partner == partner, Service.deleted_at.is_(None))
        .order_by(Service.code, Service.id)
    )
    return [Priced(*row) for row in await session.execute(ask)]


async def put_prices(
    session: AsyncSession,
    provider_id: str,
    partner: str,
    wanted: Sequence[Priced],
    author: Actor = SYSTEM,
) -> bool:
    """Makes this the channel's whole price list (R8), in one edit; whether that changed anything.

    A service that is not in it loses its price. The services are known to be alive, and named once each.
    """
    whole = Wanted(wanted, replace=True)
    return bool(await save(session, provider_id, {partner: whole}, By(author, Source.PUT)))


async def consent(
    session: AsyncSession, provider_id: str, partner: str, document: str, version: str
) -> Consent | None:
    """The newest acceptance of that version of that document."""
    ask = (
        select(Consent)
        .where(Consent.provider_id == provider_id, Consent.partner == partner)
        .where(Consent.document == document, Consent.version == version)
        .order_by(Consent.accepted_at.desc(), Consent.id.desc())
        .limit(1)
    )
    return (await session.scalars(ask)).one_or_none()


async def acceptances(session: AsyncSession, provider_id: str, partner: str) -> Sequence[Consent]:
    """Every acceptance on this channel, newest first: of any version, of any document."""
    ask = select(Consent).where(Consent.provider_id == provider_id, Consent.partner == partner)
    return (await session.scalars(ask.order_by(Consent.accepted_at.desc(), Consent.id.desc()))).all()


async def accept_consent(
    session: AsyncSession,
    provider_id: str,
    partner: str,
    accepted: Accepted,
    person: Person,
    *,
    recorded_by: Actor,
    address: str | None,
    source: str = RACORD.source,
) -> Consent:
    """Records that ``person`` accepted (R9).

    Accepting the same version again changes nothing and answers with the first acceptance.
    """
    known = await consent(session, provider_id, partner, accepted.document, accepted.version)
    if known is not None:
        return known
    made = Consent(
        id=new_id("cns"),
        provider_id=provider_id,
        partner=partner,
        accepted_name=person.name,
        accepted_role=person.role,
        accepted_email=person.email,
        accepted_at=datetime.now(UTC),
        recorded_by=recorded_by.model_dump(mode="json"),
        address=address,
        **vars(accepted),
    )
    session.add(made)
    await session.flush()
    await history.write(
        session,
        provider_id,
        Kind.CONSENT_ACCEPTED,
        Author(recorded_by, source),
        partner=partner,
        new={"consent": made.id, **vars(accepted), "accepted_by": person.name},
    )
    await touch(session, provider_id, [partner])
    return made


async def _touched_if(session: AsyncSession, provider_id: str, partner: str, changes: int | None) -> bool:
    if changes:
        await touch(session, provider_id, [partner])
    return bool(changes)
