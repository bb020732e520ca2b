"""Counts what the catalogue says of a channel, in one statement and so of one moment."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.facts import ChannelFacts, ConsentFact

# One row a thing said of a service, then one group a service, in place of joins: right after a bulk edit
# Postgres has no statistics, and would take a minute to join 20,000 services in a loop.
# Collation "C": the digest must not depend on the server's language.
_READ = text(
    r"""
    WITH said AS (
        SELECT
            id, duration_minutes, false AS ticked, NULL::numeric AS amount, NULL AS currency, false AS covered
        FROM services WHERE provider_id = :provider AND deleted_at IS NULL
        UNION ALL
        SELECT service_id, NULL, true, NULL, NULL, false
        FROM published_services WHERE provider_id = :provider AND partner = :partner
        UNION ALL
        SELECT service_id, NULL, false, amount, currency, false
        FROM prices WHERE provider_id = :provider AND partner = :partner
        UNION ALL
        SELECT jsonb_array_elements_text(service_ids), NULL, false, NULL, NULL, true
        FROM calendars WHERE provider_id = :provider AND jsonb_array_length(weekly_hours) > 0
    ), offered AS (
        SELECT
            id, max(duration_minutes) AS duration_minutes, bool_or(ticked) AS ticked, max(amount) AS amount,
            max(currency) AS currency, bool_or(covered) AS covered
        FROM said GROUP BY id HAVING count(duration_minutes) > 0
    ), counted AS (
        SELECT
            count(*) AS services,
            count(*) FILTER (WHERE ticked) AS published,
            count(*) FILTER (WHERE amount IS NOT NULL) AS priced,
            count(*) FILTER (WHERE ticked AND amount IS NULL) AS published_without_price,
            count(*) FILTER (WHERE ticked AND NOT covered) AS published_without_calendar,
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
        (SELECT count(*) FROM calendars
            WHERE provider_id = :provider AND jsonb_array_length(weekly_hours) > 0) AS calendars,
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
    """
)


async def read_facts(
    session: AsyncSession, provider_id: str, partner: str, in_force: tuple[str, ...]
) -> ChannelFacts:
    """The facts of one channel; ``in_force`` is the partner's declaration: its document, then the
    versions whose acceptance counts.

    A calendar counts, and covers its services, when it has a weekly opening. Deleted services count nowhere.
    The consent is one that counts where there is one, else the newest. The digest is SHA-256, in
    hex, over the permission and one line a ticked service (id, minutes, price), by id. An unknown provider's
    facts are all zero.
    """
    document, *versions = in_force
    asked = {"provider": provider_id, "partner": partner, "document": document, "versions": versions}
    row: dict[str, Any] = dict((await session.execute(_READ, asked)).mappings().one())
    consent = None
    if row["consent_version"] is not None:
        consent = ConsentFact(
            version=row["consent_version"],
            accepted_by=row["accepted_name"],
            accepted_at=row["accepted_at"],
            in_force=row["in_force"],
        )
    counts = {name: row[name] for name in ChannelFacts.model_fields if name != "consent"}
    return ChannelFacts(**counts, consent=consent)
