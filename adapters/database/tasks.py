"""The inbox: what waits for somebody, steps of onboardings and live connections alike. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import onboardings
from adapters.database.onboardings import Found
from domain.connection import ConnectionEvent

# A partner's system, or a mail server, may be away for a moment without anybody's doing.
FAILING_AFTER = timedelta(minutes=15)
_WAITS = text(
    """
    WITH waits AS (
        SELECT s.onboarding_id, s.key, s.waiting_on, s.since, s.state, s.due_at, s.attempt,
            NULL AS connection_id, NULL AS status, 0 AS count
        FROM steps s JOIN onboardings o ON o.id = s.onboarding_id
        WHERE s.waiting_on IS NOT NULL AND o.status = 'in_progress'
        UNION ALL
        SELECT onboarding_id, 'paused', 'us', since, 'waiting', NULL, 1, id, status, 1
        FROM connections WHERE status = 'paused'
        UNION ALL
        SELECT c.onboarding_id, 'ending', CASE d.verdict WHEN 'refused' THEN 'us' ELSE 'partner' END, c.since,
            'waiting', NULL, 1, c.id, c.status, 1
        FROM connections c
        LEFT JOIN deliveries d ON d.connection_id = c.id AND d.state = 'waiting'
        LEFT JOIN partner_health h ON h.partner = c.partner
        WHERE c.status = 'ending'
            AND (d.verdict IS NOT NULL OR h.failing_since IS NOT NULL OR c.since <= :failing_since)
        UNION ALL
        SELECT c.onboarding_id, CASE WHEN n.returned THEN 'notice_returned' ELSE 'notice' END,
            CASE WHEN n.returned THEN 'us' ELSE 'partner' END, n.since, 'waiting', NULL, 1, c.id, c.status, n.count
        FROM (
            SELECT connection_id, state <> 'sent' AS returned, min(coalesce(sent_at, created_at)) AS since,
                count(*) AS count
            FROM notices
            WHERE state IN ('sent', 'rejected') OR (state = 'waiting' AND trouble IS NOT NULL)
            GROUP BY connection_id, state <> 'sent'
        ) n JOIN connections c ON c.id = n.connection_id WHERE c.status IN ('active', 'paused')
        UNION ALL
        SELECT onboarding_id, 'notice_unsent', 'us', min(since), 'waiting', NULL, 1, id, status, count(*)
        FROM (
            SELECT c.onboarding_id, c.id, c.status, greatest(n.created_at, c.since, (
                SELECT max(at) FROM connection_events
                WHERE connection_id = c.id AND type = :reminded AND data ->> 'notice' = n.id)) AS since
            FROM notices n JOIN connections c ON c.id = n.connection_id
            WHERE n.state = 'waiting' AND n.trouble IS NULL AND c.status = 'active' AND c.consented
        ) unsent
        WHERE since <= :failing_since
        GROUP BY onboarding_id, id, status
        UNION ALL
        SELECT c.onboarding_id, 'rejected', 'us', s.since, 'waiting', NULL, 1, c.id, c.status, s.count
        FROM (
            SELECT connection_id, min(CAST(rejection ->> 'at' AS timestamptz)) AS since, count(*) AS count
            FROM connection_services WHERE rejection IS NOT NULL GROUP BY connection_id
        ) s JOIN connections c ON c.id = s.connection_id WHERE c.status IN ('active', 'paused')
        UNION ALL
        SELECT c.onboarding_id, 'delivery', CASE d.verdict WHEN 'refused' THEN 'us' ELSE 'partner' END, untaken.since, 'waiting', NULL, 1, c.id, c.status, 1
        FROM deliveries d
        JOIN connections c ON c.id = d.connection_id AND c.status = 'active'
        LEFT JOIN partner_health h ON h.partner = c.partner
        CROSS JOIN LATERAL (
            SELECT min(created_at) AS since, bool_or(verdict IS NOT NULL) AS was_refused
            FROM deliveries WHERE connection_id = c.id AND sequence > coalesce((
                SELECT max(sequence) FROM deliveries WHERE connection_id = c.id AND state = 'taken'), 0)
        ) untaken
        WHERE d.state = 'waiting' AND untaken.since <= :failing_since
            AND (untaken.was_refused OR h.failing_since IS NOT NULL)
    )
    SELECT waits.* FROM waits JOIN onboardings o ON o.id = waits.onboarding_id
    WHERE (CAST(:waiting_on AS text) IS NULL OR waits.waiting_on = :waiting_on)
        AND (CAST(:provider_id AS text) IS NULL OR o.provider_id = :provider_id)
        AND (CAST(:since AS timestamptz) IS NULL
            OR (waits.since, waits.onboarding_id, waits.key) > (:since, :onboarding_id, :key))
    ORDER BY waits.since, waits.onboarding_id, waits.key
    LIMIT :limit
    """
)

_COUNTED = text(
    f"SELECT waiting_on, count(*) AS n FROM ({_WAITS.text}) each GROUP BY waiting_on"  # noqa: S608 - our own text
)
_GIVEN = {"reminded": ConnectionEvent.NOTICE_REMINDED.value}


@dataclass(frozen=True, slots=True)
class Waits:
    """A step, or something on a connection, that waits; of what there may be several, ``count`` says how many."""

    onboarding_id: str
    key: str
    waiting_on: str
    since: datetime
    state: str
    due_at: datetime | None
    attempt: int
    connection_id: str | None
    status: str | None
    count: int


async def waiting(
    session: AsyncSession,
    *,
    waiting_on: str | None,
    provider_id: str | None,
    limit: int,
    after: tuple[datetime, str, str] | None,
    now: datetime,
) -> Sequence[tuple[Waits, Found]]:
    """What waits, longest first, with its onboarding, from behind ``after`` = (since, onboarding id, key)."""
    since, onboarding_id, key = after or (None, "", "")
    given = {
        **_GIVEN,
        "failing_since": now - FAILING_AFTER,
        "waiting_on": waiting_on,
        "provider_id": provider_id,
        "since": since,
        "onboarding_id": onboarding_id,
        "key": key,
        "limit": limit,
    }
    rows = [Waits(**row) for row in (await session.execute(_WAITS, given)).mappings()]
    found = await onboardings.several(session, {row.onboarding_id for row in rows})
    return [(row, found[row.onboarding_id]) for row in rows]


async def counted(session: AsyncSession, *, provider_id: str | None, now: datetime) -> Mapping[str, int]:
    """How much waits, by party."""
    nothing = dict.fromkeys(("waiting_on", "since", "onboarding_id", "key", "limit"))
    given = {**_GIVEN, **nothing, "failing_since": now - FAILING_AFTER, "provider_id": provider_id}
    return {row.waiting_on: row.n for row in await session.execute(_COUNTED, given)}
