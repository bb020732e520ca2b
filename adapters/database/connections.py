"""Live connections as rows: begun with an activation (R13), ended by a cause (R17). Nothing here commits.

A connection is changed under its row's lock. Whoever changes what a workflow is to do also writes to the outbox, as
the catalogue does: the workflow reads what is to be done, and is only told to look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from adapters.database import ledger
from adapters.database.changes import Kind
from adapters.database.connection_tables import ConnectionEventRow, ConnectionRow
from adapters.database.tables import OUTBOX_CHANNEL, OnboardingRow
from adapters.identifiers import new_id
from domain.connection import Cause, ConnectionEvent, ConnectionStatus
from domain.model import SYSTEM, Actor
from domain.progress import Earlier, Progress

# The services are those that the joint test tested, at its prices: the digest says which; where nobody kept that, those
# of now. A price edit made after the facts of the activation were read is left for a notice (R16). The channel's row is
# held before anything is read, so that whoever disables it, or deletes its last service, finds the connection, or is
# found here (R17). Whose ticks were taken away and not its services is live without any, as it would stay.
_HOLD = text(
    """
    SELECT FROM channels
    WHERE (provider_id, partner) = (SELECT provider_id, partner FROM onboardings WHERE id = :onboarding)
    FOR SHARE
    """
)
_BEGIN = text(
    """
    WITH channel AS (
        SELECT CASE
            WHEN NOT enabled THEN :disabled
            WHEN NOT EXISTS (SELECT FROM published_services p
                WHERE p.provider_id = channels.provider_id AND p.partner = channels.partner)
            AND (SELECT kind FROM catalogue_changes
                WHERE provider_id = channels.provider_id
                    AND (kind = :deleted AND old -> 'ticked' ? channels.partner
                        OR kind = :unticked AND partner = channels.partner)
                ORDER BY at DESC LIMIT 1) = :deleted THEN :last_deleted END AS cause
        FROM channels
        WHERE (provider_id, partner) = (SELECT provider_id, partner FROM onboardings WHERE id = :onboarding)
    ), begun AS (
        INSERT INTO connections (
            id, provider_id, partner, onboarding_id, status, cause, ended_by, since, started_at, edits_seen)
        SELECT :id, o.provider_id, o.partner, o.id,
            CASE WHEN channel.cause IS NULL THEN 'active' ELSE 'ending' END,
            channel.cause,
            CASE WHEN channel.cause IS NOT NULL THEN CAST(:actor AS jsonb) END,
            :now, :now, coalesce((
            SELECT max(number) FROM price_edits e
            WHERE e.provider_id = o.provider_id AND e.partner = o.partner AND e.at < coalesce((
                SELECT min(created_at) FROM outbox later WHERE later.provider_id = o.provider_id
                    AND later.partner = o.partner AND later.version > :version), 'infinity')), 0)
        FROM onboardings o CROSS JOIN channel WHERE o.id = :onboarding
        ON CONFLICT DO NOTHING
        RETURNING id, provider_id, partner
    ), admitted AS (
        INSERT INTO connection_services (connection_id, service_id, admitted_at, known_price, known_price_at)
        SELECT begun.id, s.id, :now,
            CASE WHEN price IS NOT NULL THEN jsonb_build_object(
                'amount', split_part(price, ' ', 1), 'currency', split_part(price, ' ', 2)) END, :now
        FROM begun
        CROSS JOIN LATERAL (
            SELECT service.key AS id, service.value ->> 1 AS price
            FROM tested_configurations t CROSS JOIN LATERAL jsonb_each(t.content -> 'services') service
            WHERE t.provider_id = begun.provider_id AND t.partner = begun.partner AND t.digest = :digest
            UNION ALL
            SELECT p.service_id, price.amount || ' ' || price.currency
            FROM published_services p
            LEFT JOIN prices price ON price.provider_id = p.provider_id AND price.partner = p.partner
                AND price.service_id = p.service_id
            WHERE p.provider_id = begun.provider_id AND p.partner = begun.partner AND NOT EXISTS (
                SELECT FROM tested_configurations t
                WHERE t.provider_id = begun.provider_id AND t.partner = begun.partner AND t.digest = :digest)
        ) tested
        JOIN services s ON s.id = tested.id
    ), told AS (
        INSERT INTO connection_events (connection_id, type, actor, data)
        SELECT id, :type, CAST(:actor AS jsonb), jsonb_build_object('onboarding', CAST(:onboarding AS text))
        FROM begun
    ), nudged AS (
        INSERT INTO outbox (provider_id, partner, version) SELECT provider_id, partner, :version FROM begun
    )
    SELECT pg_notify(:channel, '') FROM begun
    """
)
_NUDGE = text(
    """
    INSERT INTO outbox (provider_id, partner, version)
    SELECT provider_id, partner, coalesce((SELECT version FROM channels ch
        WHERE ch.provider_id = c.provider_id AND ch.partner = c.partner), 0)
    FROM connections c WHERE id = ANY(:ids)
    """
)


async def begin(
    connection: AsyncConnection, onboarding_id: str, *, version: int, digest: str, now: datetime
) -> None:
    """The connection of an onboarding that just went live; again, it changes nothing.

    ``version`` and ``digest`` are those of the facts with which it went live.
    """
    given = {
        "id": new_id("con"),
        "onboarding": onboarding_id,
        "version": version,
        "digest": digest,
        "now": now,
        "type": ConnectionEvent.STARTED.value,
        "disabled": Cause.PERMISSION_DISABLED.value,
        "last_deleted": Cause.LAST_SERVICE_DELETED.value,
        "deleted": Kind.SERVICE_DELETED.value,
        "unticked": Kind.SERVICES_UNTICKED.value,
        "actor": SYSTEM.model_dump_json(),
        "channel": OUTBOX_CHANNEL,
    }
    await connection.execute(_HOLD, {"onboarding": onboarding_id})
    await connection.execute(_BEGIN, given)


async def live_on_channel(session: AsyncSession, provider_id: str, partner: str) -> ConnectionRow | None:
    """The channel's connection, to read; None where none is live."""
    ask = select(ConnectionRow).where(
        ConnectionRow.provider_id == provider_id,
        ConnectionRow.partner == partner,
        ConnectionRow.status.in_([status for status in ConnectionStatus if status.is_live]),
    )
    return (await session.scalars(ask)).one_or_none()


async def newest_ended(session: AsyncSession, provider_id: str, partner: str) -> Earlier | None:
    """The onboarding of the channel's connection that ended last, or is ending."""
    ask = (
        select(OnboardingRow.id, OnboardingRow.progress, ConnectionRow.cause)
        .join(ConnectionRow, ConnectionRow.onboarding_id == OnboardingRow.id)
        .where(ConnectionRow.provider_id == provider_id, ConnectionRow.partner == partner)
        .where(ConnectionRow.cause.is_not(None))
        .order_by(ConnectionRow.started_at.desc())
        .limit(1)
    )
    row = (await session.execute(ask)).one_or_none()
    if row is None:
        return None
    return Earlier(onboarding_id=row.id, progress=Progress.model_validate(row.progress), cause=row.cause)


async def locked(session: AsyncSession, connection_id: str) -> ConnectionRow | None:
    """The connection, ours to change until the transaction ends."""
    ask = select(ConnectionRow).where(ConnectionRow.id == connection_id).with_for_update()
    return (await session.scalars(ask.execution_options(populate_existing=True))).one_or_none()


async def move(
    session: AsyncSession,
    found: ConnectionRow,
    status: ConnectionStatus,
    event: ConnectionEvent,
    *,
    by: Actor = SYSTEM,
    reason: str | None = None,
    data: dict[str, Any] | None = None,
    now: datetime | None = None,
) -> None:
    """Another status, with its line of history and a nudge. The row is locked by the caller."""
    found.status, found.since, found.reason = status, now or datetime.now(UTC), reason
    said = {**({"reason": reason} if reason else {}), **(data or {})}
    await tell(session, found.id, event, by=by, data=said, now=now)
    await nudge(session, [found.id])


async def end_on_channel(
    session: AsyncSession, provider_id: str, partner: str, cause: Cause, by: Actor
) -> ConnectionRow | None:
    """Ends the channel's live connection (R17): from now on nothing is bookable on it, and its withdrawal is under way."""
    found = await live_on_channel(session, provider_id, partner)
    if found is None:
        return None
    found = await locked(session, found.id)
    if found is None or not ConnectionStatus(found.status).is_live:
        return None
    found.cause, found.ended_by = cause, by.model_dump(mode="json")
    found.comparison = None  # it was about the time before
    await move(
        session,
        found,
        ConnectionStatus.ENDING,
        ConnectionEvent.ENDING,
        by=by,
        data={"cause": cause.value},
    )
    return found


async def tell(
    session: AsyncSession,
    connection_id: str,
    type: ConnectionEvent,
    *,
    by: Actor = SYSTEM,
    data: dict[str, Any] | None = None,
    now: datetime | None = None,
) -> None:
    """Writes a line of the connection's history."""
    at = {"at": now} if now else {}
    await session.execute(
        insert(ConnectionEventRow).values(
            connection_id=connection_id,
            type=type.value,
            actor=by.model_dump(mode="json"),
            data=data or {},
            **at,
        )
    )


async def nudge(session: AsyncSession, connection_ids: Sequence[str]) -> None:
    """Has the workflows of these connections look again."""
    if connection_ids:
        await session.execute(_NUDGE, {"ids": list(connection_ids)})
        await session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": OUTBOX_CHANNEL})


@dataclass(frozen=True)
class Alive:
    """A connection that has a workflow: of its sync, or of its end, until everybody was told."""

    id: str
    partner: str
    is_ending: bool


async def alive(
    session: AsyncSession, provider_id: str | None = None, partner: str | None = None
) -> list[Alive]:
    """Every connection that has a workflow; of one channel there may be a live one, and others that still end."""
    is_owed = ledger.owes_farewell(ConnectionRow.onboarding_id)
    ask = select(ConnectionRow).where(or_(ConnectionRow.status != ConnectionStatus.ENDED, is_owed))
    if provider_id is not None:
        ask = ask.where(ConnectionRow.provider_id == provider_id, ConnectionRow.partner == partner)
    rows = await session.scalars(ask.order_by(ConnectionRow.id))
    return [Alive(row.id, row.partner, not ConnectionStatus(row.status).is_live) for row in rows]
