"""Counts what the catalogue says of a channel: its openings ahead, then all else in one statement."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.availability import AVAILABLE, COVERED, Ahead, asked, openings_ahead
from domain.facts import ChannelFacts, ConsentFact

# One row a thing said of a service, then one group a service, in place of joins: right after a bulk edit
# Postgres has no statistics, and would take a minute to join 20,000 services in a loop.
# Collation "C": the digest must not depend on the server's language.
_READ = text(
    rf"""
    WITH said AS (
        SELECT
            id, duration_minutes, false AS ticked, NULL::numeric AS amount, NULL AS currency, NULL::int AS longest
        FROM services WHERE provider_id = :provider AND deleted_at IS NULL
        UNION ALL
        SELECT service_id, NULL, true, NULL, NULL, NULL
        FROM published_services WHERE provider_id = :provider AND partner = :partner
        UNION ALL
        SELECT service_id, NULL, false, amount, currency, NULL
        FROM prices WHERE provider_id = :provider AND partner = :partner
        UNION ALL
        SELECT service_id, NULL, false, NULL, NULL, longest FROM {COVERED}
    ), offered AS (
        SELECT
            id, max(duration_minutes) AS duration_minutes, bool_or(ticked) AS ticked, max(amount) AS amount,
            max(currency) AS currency, {AVAILABLE} AS available
        FROM said GROUP BY id HAVING count(duration_minutes) > 0
    ), counted AS (
        SELECT
            count(*) AS services,
            count(*) FILTER (WHERE ticked) AS published,
            count(*) FILTER (WHERE amount IS NOT NULL) AS priced,
            count(*) FILTER (WHERE ticked AND amount IS NULL) AS published_without_price,
            count(*) FILTER (WHERE ticked AND NOT available) AS published_without_calendar,
            string_agg(
                concat_ws(' ', id, duration_minutes, coalesce(amount || ' ' || currency, '-')),
                E'\n' ORDER BY id COLLATE "C"
            ) FILTER (WHERE ticked) AS tested
        FROM offered
    )
    SELECT
        coalesce(ch.version, 0) AS version,
        coalesce(ch.enabled, false) AS enabled,
        counted.services, counted.published, counted.priced,
        counted.published_without_price, counted.published_without_calendar,
        co.version AS consent_version, co.accepted_name, co.accepted_at, co.in_force,
        encode(sha256(convert_to(
            concat_ws(E'\n', coalesce(ch.enabled, false)::text, counted.tested), 'UTF8')), 'hex') AS digest
    FROM counted
    LEFT JOIN channels ch ON ch.provider_id = :provider AND ch.partner = :partner
    LEFT JOIN LATERAL (
        SELECT version, accepted_name, accepted_at, (document = :document AND version = ANY(:versions)) AS in_force
        FROM consents WHERE provider_id = :provider AND partner = :partner
        ORDER BY in_force DESC, accepted_at DESC, id DESC
        LIMIT 1
    ) co ON true
    """  # noqa: S608 - constants of ours
)


async def read_facts(
    session: AsyncSession, provider_id: str, partner: str, in_force: tuple[str, ...], now: datetime
) -> ChannelFacts:
    """The facts of one channel ``now``; ``in_force`` is the partner's declaration: its document, then the
    versions whose acceptance counts.

    Deleted services count nowhere. The consent is one that counts where there is one, else the newest. The digest is
    SHA-256, in hex, over the permission and one line a ticked service (id, minutes, price), by id: no day changes it.
    An unknown provider's facts are all zero. Who goes by the version reads in a transaction that sees one moment.
    """
    ahead = await openings_ahead(session, provider_id, now)
    return await count_facts(session, provider_id, partner, in_force, ahead)


async def count_facts(
    session: AsyncSession, provider_id: str, partner: str, in_force: tuple[str, ...], ahead: Ahead
) -> ChannelFacts:
    """The same, where the openings are known already."""
    document, *versions = in_force
    given = {
        "provider": provider_id,
        "partner": partner,
        "document": document,
        "versions": versions,
        **asked(ahead),
    }
    row: dict[str, Any] = dict((await session.execute(_READ, given)).mappings().one())
    consent = None
    if row["consent_version"] is not None:
        consent = ConsentFact(
            version=row["consent_version"],
            accepted_by=row["accepted_name"],
            accepted_at=row["accepted_at"],
            in_force=row["in_force"],
        )
    counts = {name: row[name] for name in ChannelFacts.model_fields if name in row}
    return ChannelFacts(**counts, calendars=sum(map(bool, ahead.values())), consent=consent)
