"""A channel's administration: permission, ticks, prices, consent (R5).

Nothing here commits; writers hold :func:`catalogue.lock`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.catalogue import touch
from adapters.database.tables import Channel, Consent, Price, PublishedService, Service
from adapters.identifiers import new_id
from domain.model import Actor, Person

_PUBLISH = text(
    """
    WITH given AS (SELECT unnest(CAST(:ids AS text[])) AS service_id),
    gone AS (
        DELETE FROM published_services
        WHERE provider_id = :provider AND partner = :partner
            AND service_id NOT IN (SELECT service_id FROM given)
        RETURNING 1
    ), made AS (
        INSERT INTO published_services (provider_id, partner, service_id)
        SELECT :provider, :partner, service_id FROM given
        ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM made)
    """
)

_PRICE = text(
    """
    WITH given AS (
        SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:amounts AS numeric[]), CAST(:currencies AS text[]))
            AS g(service_id, amount, currency)
    ), gone AS (
        DELETE FROM prices
        WHERE provider_id = :provider AND partner = :partner
            AND service_id NOT IN (SELECT service_id FROM given)
        RETURNING 1
    ), made AS (
        INSERT INTO prices (provider_id, partner, service_id, amount, currency, updated_at)
        SELECT :provider, :partner, service_id, amount, currency, now() FROM given
        ON CONFLICT (provider_id, partner, service_id) DO UPDATE
            SET amount = excluded.amount, currency = excluded.currency, updated_at = now()
            WHERE (prices.amount, prices.currency) IS DISTINCT FROM (excluded.amount, excluded.currency)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM made)
    """
)


@dataclass(frozen=True)
class Priced:
    """A service's price on one channel."""

    service_id: str
    amount: Decimal
    currency: str


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


async def enable(session: AsyncSession, provider_id: str, partner: str, enabled: bool) -> bool:
    """Gives or takes the channel's permission; whether that changed anything."""
    here = (Channel.provider_id == provider_id, Channel.partner == partner)
    if bool(await session.scalar(select(Channel.enabled).where(*here))) is enabled:
        return False
    await touch(session, provider_id, [partner])
    await session.execute(update(Channel).where(*here).values(enabled=enabled))
    return True


async def published(session: AsyncSession, provider_id: str, partner: str) -> Sequence[str]:
    """Ids of the ticked services (R7), by their code."""
    ask = (
        select(PublishedService.service_id)
        .join(Service, Service.id == PublishedService.service_id)
        .where(PublishedService.provider_id == provider_id, PublishedService.partner == partner)
        .where(Service.deleted_at.is_(None))
        .order_by(Service.code, Service.id)
    )
    return (await session.scalars(ask)).all()


async def publish(session: AsyncSession, provider_id: str, partner: str, service_ids: Iterable[str]) -> bool:
    """Ticks exactly these services, which the caller knows to be alive; whether that changed anything."""
    given = {"provider": provider_id, "partner": partner, "ids": sorted(set(service_ids))}
    return await _touched_if(session, provider_id, partner, await session.scalar(_PUBLISH, given))


async def prices(session: AsyncSession, provider_id: str, partner: str) -> list[Priced]:
    """The channel's price list (R8), by the services' code."""
    ask = (
        select(Price.service_id, Price.amount, Price.currency)
        .join(Service, Service.id == Price.service_id)
        .where(Price.provider_id == provider_id, Price.partner == partner, Service.deleted_at.is_(None))
        .order_by(Service.code, Service.id)
    )
    return [Priced(*row) for row in await session.execute(ask)]


async def put_prices(session: AsyncSession, provider_id: str, partner: str, wanted: Sequence[Priced]) -> bool:
    """Makes this the channel's whole price list (R8); whether that changed anything.

    A service that is not in it loses its price. The services are known to be alive, and named once each.
    """
    given = {
        "provider": provider_id,
        "partner": partner,
        "ids": [price.service_id for price in wanted],
        "amounts": [price.amount for price in wanted],
        "currencies": [price.currency for price in wanted],
    }
    return await _touched_if(session, provider_id, partner, await session.scalar(_PRICE, given))


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


async def accept_consent(
    session: AsyncSession,
    provider_id: str,
    partner: str,
    accepted: Accepted,
    person: Person,
    *,
    recorded_by: Actor,
    address: str | None,
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
    await touch(session, provider_id, [partner])
    return made


async def _touched_if(session: AsyncSession, provider_id: str, partner: str, changes: int | None) -> bool:
    if changes:
        await touch(session, provider_id, [partner])
    return bool(changes)
