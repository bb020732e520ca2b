"""What is bookable on a connection now, kept as rows, so that sync and feed compare and read instead of deriving (R7, R9).

The one source is the explainer: what it calls bookable is published, and nothing else. Nothing here commits.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import drift, readiness
from adapters.database.availability import next_change_ahead
from adapters.database.catalogue_channels import channel_version
from adapters.database.connection_tables import ConnectionRow
from adapters.database.tables import Price, Provider, Service
from adapters.playbooks import Playbooks
from domain.facts import FactName
from domain.playbook import Sync
from domain.readiness import Readiness, explain
from domain.snapshot import Snapshot

# Whatever was foreseen, or nudged, or not: so often what is written down is derived anew.
STALE_AFTER = timedelta(hours=1)
# One writer a partner at a time: positions are committed in their order, so no reader of the feed skips one.
_IN_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('feed:' || :partner, 0))")
_SAVE = text(
    """
    WITH wanted AS (
        SELECT key AS service_id, value AS content FROM jsonb_each(CAST(:wanted AS jsonb))
    ), moved AS (
        SELECT coalesce(wanted.service_id, had.service_id) AS service_id, wanted.content
        FROM wanted
        FULL JOIN (SELECT service_id, content FROM connection_services WHERE connection_id = :connection) had
            USING (service_id)
        WHERE wanted.content IS DISTINCT FROM had.content
    )
    INSERT INTO connection_services (connection_id, service_id, content, changed_at, position)
    SELECT :connection, service_id, content, :now, nextval('feed_position') FROM moved ORDER BY service_id
    ON CONFLICT (connection_id, service_id) DO UPDATE SET
        content = excluded.content, changed_at = excluded.changed_at, position = excluded.position
    """
)
_WOULD_MOVE = text(
    """
    SELECT EXISTS (
        SELECT FROM (SELECT key AS service_id, value AS content FROM jsonb_each(CAST(:wanted AS jsonb))) wanted
        FULL JOIN (SELECT service_id, content FROM connection_services WHERE connection_id = :connection) had
            USING (service_id)
        WHERE wanted.content IS DISTINCT FROM had.content)
    """
)


async def is_stale(session: AsyncSession, found: ConnectionRow, now: datetime) -> bool:
    """Whether something else may be bookable by now than is written down."""
    if found.derived_at is None or now - found.derived_at >= STALE_AFTER:
        return True
    if found.derived_until is not None and now >= found.derived_until:
        return True
    return await channel_version(session, found.provider_id, found.partner) != found.derived_version


async def is_unplanned(session: AsyncSession, found: ConnectionRow, now: datetime) -> bool:
    """Whether the catalogue may ask for something that the sync has not looked at, though the feed may have."""
    planned, derived = (found.planned_version, found.planned_at), (found.derived_version, found.derived_at)
    return planned != derived or await is_stale(session, found, now)


async def refresh(
    session: AsyncSession, found: ConnectionRow, playbooks: Playbooks, now: datetime
) -> Readiness:
    """Writes down what is bookable ``now``, and says why. The connection's row is locked by the caller."""
    provider = await session.get_one(Provider, found.provider_id)
    playbook = playbooks.get(found.partner)
    # Read before what it stands for: what changes in between is looked at again.
    version = await channel_version(session, found.provider_id, found.partner)
    declarations = playbooks.declarations
    looked = await readiness.look(session, provider, playbook, declarations.counting(playbook, now), now)
    said = explain(looked.snapshot)
    bookable = [one.id for one in said.services if one.bookable]
    wanted = await _contents(session, found, bookable)
    given = {"connection": found.id, "wanted": json.dumps(wanted), "now": now}
    both_sides = (session, found.id, found.partner, playbook.sync, now)
    await drift.note(*both_sides)
    if await session.scalar(_WOULD_MOVE, given):
        await session.execute(_IN_TURN, {"partner": found.partner})
        await session.execute(_SAVE, given)
        await drift.note(*both_sides)
    found.derived_version, found.derived_at = version, now
    moments = (
        await _availability_holds_until(session, found.provider_id, looked.snapshot, now),
        declarations.next_change(playbook, now),
    )
    found.derived_until = min(filter(None, moments), default=None)
    found.consented = not any(one.blocks and one.fact is FactName.CONSENT_ACCEPTED for one in said.reasons)
    await session.flush()
    return said


async def _availability_holds_until(
    session: AsyncSession, provider_id: str, snapshot: Snapshot, now: datetime
) -> datetime | None:
    """When next the clock alone may give or take availability, as far as that is to be foreseen."""
    ticked = (one for one in snapshot.services or () if one.ticked and one.deleted is None)
    durations = {one.duration for one in ticked}
    return await next_change_ahead(session, provider_id, durations, now)


async def withdraw_all(session: AsyncSession, found: ConnectionRow, now: datetime) -> None:
    """Nothing is bookable any more: the end."""
    await session.execute(_IN_TURN, {"partner": found.partner})
    await session.execute(_SAVE, {"connection": found.id, "wanted": "{}", "now": now})
    # Where nothing is bookable it makes no difference how the partner is told of prices.
    await drift.note(session, found.id, found.partner, Sync(), now)


async def _contents(
    session: AsyncSession, found: ConnectionRow, service_ids: list[str]
) -> Mapping[str, dict[str, Any]]:
    ask = select(Service.id, Service.code, Service.name, Service.duration_minutes).where(
        Service.provider_id == found.provider_id, Service.deleted_at.is_(None)
    )
    services = {row.id: row for row in await session.execute(ask)}
    priced = select(Price.service_id, Price.amount, Price.currency).where(
        Price.provider_id == found.provider_id, Price.partner == found.partner
    )
    prices = {row.service_id: row for row in await session.execute(priced)}
    made: dict[str, dict[str, Any]] = {}
    for id in service_ids:
        if service := services.get(id):
            made[id] = content_of(service.code, service.name, service.duration_minutes)
            if price := prices.get(id):
                made[id]["price"] = {"amount": str(price.amount), "currency": price.currency}
    return made


def content_of(code: str, name: str, duration_minutes: int) -> dict[str, Any]:
    """A service as a partner is told of it, without its price."""
    return {"code": code, "name": name, "duration_minutes": duration_minutes}
