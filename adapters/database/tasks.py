"""The inbox: what waits for somebody, steps, onboardings on hold and live connections alike. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import onboardings
from adapters.database.farewells import IS_UNTOLD
from adapters.database.notices import COPIES_WITHIN
from adapters.database.onboardings import Found
from domain.connection import FAILING_AFTER, ConnectionEvent

_WAITS = text(
    f"""
    WITH waits AS (
        SELECT s.onboarding_id, s.key, s.waiting_on, s.since, s.state, s.due_at, s.attempt,
            NULL AS connection_id, NULL AS status, 0 AS count
        FROM steps s JOIN onboardings o ON o.id = s.onboarding_id
        WHERE s.waiting_on IS NOT NULL AND o.status = 'in_progress'
        UNION ALL
        SELECT id, 'on_hold', 'us', coalesce(CAST(progress #>> '{{hold,since}}' AS timestamptz), updated_at), 'waiting',
            (asked.day + time '09:00') AT TIME ZONE coalesce(case_data #>> '{{calendars,us,time_zone}}', 'UTC'),
            1, NULL, NULL, 1
        FROM onboardings CROSS JOIN LATERAL (
            -- the first working day of ours from the planned end on, as the engine's clock has it
            SELECT min(d.day) AS day
            FROM (SELECT CAST(progress #>> '{{hold,until}}' AS date) + n AS day FROM generate_series(0, 31) n) d
            WHERE extract(isodow FROM d.day) < 6
                AND NOT coalesce(jsonb_exists(case_data #> '{{calendars,us,holidays}}', CAST(d.day AS text)), false)
        ) asked WHERE status = 'on_hold'
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
            WHERE c.status = 'active' AND c.consented AND (
                -- a copy to support that the sync still tries
                n.state <> 'withdrawn' AND (n.settled_at IS NULL OR n.created_at > :copies_since) AND EXISTS (
                    SELECT FROM mails m WHERE m.onboarding_id = c.onboarding_id AND m.state IN ('queued', 'sending')
                        AND m.order_key = concat_ws(':', n.id, n.attempt, 'support'))
                OR n.state = 'waiting' AND n.trouble IS NULL AND NOT (n.kind = 'prices' AND EXISTS (
                    SELECT FROM notices before
                    WHERE before.connection_id = n.connection_id AND before.number < n.number
                        AND before.state = 'waiting' AND before.trouble IS NOT NULL)))
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
        SELECT connections.onboarding_id, 'farewell', 'us', min(coalesce(settled_at, created_at)), 'waiting', NULL, 1,
            connections.id, connections.status, count(*)
        FROM connections JOIN mails ON mails.onboarding_id = connections.onboarding_id
        WHERE connections.status IN ('ending', 'ended') AND {IS_UNTOLD}
        GROUP BY connections.id
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
    SELECT found.* FROM (
        SELECT waits.*, o.provider_id, o.partner, o.assignee_id, o.status AS onboarding_status,
            CASE WHEN connection_id IS NOT NULL THEN 'connection' WHEN o.status = 'on_hold' THEN 'hold' ELSE 'step' END
                AS kind,
            (SELECT comparison FROM connections c WHERE key = 'ending' AND c.id = connection_id AND NOT EXISTS (
                SELECT FROM deliveries d WHERE d.connection_id = c.id AND d.state = 'waiting')) AS comparison,
            CASE WHEN :by_due THEN coalesce(due_at, CAST(:never AS timestamptz)) ELSE since END AS place
        FROM waits JOIN onboardings o ON o.id = waits.onboarding_id
    ) found JOIN providers p ON p.id = found.provider_id
    WHERE (CAST(:waiting_on AS text) IS NULL OR waiting_on = :waiting_on)
        AND (CAST(:own AS text) IS NULL OR provider_id = :own)
        AND (CAST(:provider_id AS text) IS NULL OR provider_id = :provider_id)
        AND (CAST(:partner AS text) IS NULL OR partner = :partner)
        AND (CAST(:status AS text) IS NULL OR onboarding_status = :status)
        AND (CAST(:kind AS text) IS NULL OR kind = :kind)
        AND (CAST(:assignee AS text) IS NULL
            OR CASE CAST(:assignee AS text) WHEN 'none' THEN assignee_id IS NULL ELSE assignee_id = :assignee END)
        AND (CAST(:overdue AS boolean) IS NULL OR coalesce(due_at < :now, false) = :overdue)
        AND (CAST(:due_before AS timestamptz) IS NULL OR due_at < :due_before)
        AND (CAST(:q AS text) IS NULL OR p.name ILIKE :q)
        AND (CAST(:place AS timestamptz) IS NULL OR (place, onboarding_id, key) > (:place, :onboarding_id, :key))
    ORDER BY place, onboarding_id, key
    LIMIT :limit
    """  # noqa: S608 - our own text
)
_COUNTED = text(
    f"SELECT waiting_on, count(*) AS n FROM ({_WAITS.text}) each GROUP BY waiting_on"  # noqa: S608 - our own text
)
# Where there is no due date: behind all that have one.
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Chosen:
    """What the inbox is narrowed to, None meaning everything, and its order: by ``due`` or by ``since``.

    ``own`` is the one provider that the reader may see; ``assignee`` an account manager's id, or `none`.
    """

    own: str | None = None
    waiting_on: str | None = None
    assignee: str | None = None
    partner: str | None = None
    provider_id: str | None = None
    status: str | None = None
    kind: str | None = None
    overdue: bool | None = None
    due_before: datetime | None = None
    q: str | None = None
    by_due: bool = False

    def given(self, now: datetime) -> dict[str, Any]:
        return {
            **vars(self),
            "q": _contained(self.q) if self.q else None,
            "now": now,
            "never": _NEVER,
            "failing_since": now - FAILING_AFTER,
            "copies_since": now - COPIES_WITHIN,
            "reminded": ConnectionEvent.NOTICE_REMINDED.value,
        }


def _contained(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


@dataclass(frozen=True, slots=True)
class Waits:
    """Something that waits: a `step`, a `hold` or something on a `connection`, of which ``count`` says how many.

    ``place`` is where it stands in the order that was asked for; ``comparison`` what the partner answered about an end
    that its system took.
    """

    onboarding_id: str
    key: str
    kind: str
    waiting_on: str
    since: datetime
    state: str
    due_at: datetime | None
    attempt: int
    connection_id: str | None
    status: str | None
    count: int
    comparison: Mapping[str, Any] | None
    place: datetime


async def waiting(
    session: AsyncSession,
    chosen: Chosen,
    *,
    limit: int,
    after: tuple[datetime, str, str] | None,
    now: datetime,
) -> Sequence[tuple[Waits, Found]]:
    """What waits, in the order chosen, with its onboarding, from behind ``after`` = (place, onboarding id, key)."""
    place, onboarding_id, key = after or (None, "", "")
    given = {"place": place, "onboarding_id": onboarding_id, "key": key, "limit": limit, **chosen.given(now)}
    found = (await session.execute(_WAITS, given)).mappings()
    rows = [Waits(**{name: row[name] for name in Waits.__slots__}) for row in found]
    theirs = await onboardings.several(session, {row.onboarding_id for row in rows})
    return [(row, theirs[row.onboarding_id]) for row in rows]


async def counted(session: AsyncSession, chosen: Chosen, *, now: datetime) -> Mapping[str, int]:
    """How much waits, by party, whatever party is chosen."""
    nothing = dict.fromkeys(("place", "onboarding_id", "key", "limit"))
    given = {**nothing, **chosen.given(now), "waiting_on": None}
    return {row.waiting_on: row.n for row in await session.execute(_COUNTED, given)}
