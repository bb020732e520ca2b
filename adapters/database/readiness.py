"""Reads one channel as the explainer wants it: three statements, however many services there are. Changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.availability import COVERED, asked, openings_ahead
from adapters.database.changes import Kind
from adapters.database.facts import count_facts
from adapters.database.readiness_rows import services_of
from adapters.database.tables import OPEN_STATUSES, Provider
from domain.connection import ConnectionEvent
from domain.facts import ChannelFacts
from domain.model import OnboardingStatus
from domain.playbook import Playbook
from domain.progress import Case, Progress
from domain.resumed import as_resumed
from domain.snapshot import Known, Link, Run, Snapshot


# The onboarding that governs the channel: the newest that is open, or live with a connection that has not ended, else the
# newest of all; or the one that is asked for.
# The services are one row a thing said and then one group a service, for the reason given in `facts`.
def _moment(at: str) -> str:
    return f"""to_char({at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def _done(at: str, author: str) -> str:
    """When and by whom, as a value of which the greatest is the newest."""
    return f"ARRAY[{_moment(at)}, {author} ->> 'name']"


_DISABLED = """
    SELECT json_build_object('at', at, 'by', author->>'name') FROM catalogue_changes
    WHERE provider_id = :provider AND partner = :partner AND kind = :disabled
    ORDER BY at DESC LIMIT 1
"""
_READ = text(
    f"""
    WITH run AS (
        SELECT id, status, case_data, progress, ended_at FROM onboardings o
        WHERE provider_id = :provider AND partner = :partner AND id = coalesce(CAST(:onboarding AS text), id)
        ORDER BY status IN {OPEN_STATUSES} OR (status = 'live' AND NOT EXISTS (
            SELECT FROM connections WHERE onboarding_id = o.id AND status = 'ended')) DESC, created_at DESC, id DESC
        LIMIT 1
    ), link AS (
        SELECT c.id, c.status, c.since, c.reason, c.cause, c.ended_by ->> 'name' AS by, h.failing_since,
            EXISTS (SELECT FROM deliveries d
                WHERE d.connection_id = c.id AND d.state = 'waiting' AND d.verdict = 'refused') AS refused
        FROM run JOIN connections c ON c.onboarding_id = run.id LEFT JOIN partner_health h ON h.partner = c.partner
    ), asking AS MATERIALIZED (
        SELECT n.lines, ARRAY[{_moment("n.created_at")}, n.state, {_moment("n.sent_at")}, CASE
            WHEN n.state = 'rejected' THEN {
        _moment('''coalesce((SELECT max(at) FROM connection_events
                WHERE connection_id = n.connection_id AND type = :declined AND data ->> 'notice' = n.id),
                n.sent_at, n.created_at)''')
    }
            WHEN n.trouble IS NOT NULL THEN {
        _moment('''coalesce((SELECT max(at) FROM connection_events
                WHERE connection_id = n.connection_id AND type = :trouble AND data ->> 'notice' = n.id),
                n.created_at)''')
    } END,
            CASE n.state WHEN 'rejected' THEN n.reason ELSE n.trouble END] AS asked
        FROM notices n
        WHERE n.connection_id = (SELECT id FROM link) AND n.kind = 'new_services'
            AND n.state IN ('waiting', 'sent', 'rejected')
    ), said AS (
        SELECT
            id, code, name, duration_minutes, deleted_at, NULL AS deleted_by, false AS ticked, false AS priced,
            NULL::int AS longest, false AS admitted, NULL::text[] AS asked, NULL::jsonb AS rejection,
            NULL::text[] AS unticked, NULL::text[] AS unpriced, NULL::text[] AS uncovered
        FROM services WHERE provider_id = :provider
        UNION ALL
        SELECT service_id, NULL, NULL, NULL, NULL, NULL, true, false, NULL, false, NULL, NULL, NULL, NULL, NULL
        FROM published_services WHERE provider_id = :provider AND partner = :partner
        UNION ALL
        SELECT service_id, NULL, NULL, NULL, NULL, NULL, false, true, NULL, false, NULL, NULL, NULL, NULL, NULL
        FROM prices WHERE provider_id = :provider AND partner = :partner
        UNION ALL
        SELECT service_id, NULL, NULL, NULL, NULL, NULL, false, false, longest, false, NULL, NULL, NULL, NULL, NULL
        FROM {COVERED}
        UNION ALL
        SELECT
            service_id, NULL, NULL, NULL, NULL, NULL, false, false, NULL, admitted_at IS NOT NULL, NULL, rejection,
            NULL, NULL, NULL
        FROM connection_services WHERE connection_id = (SELECT id FROM link)
        UNION ALL
        SELECT
            line ->> 'service_id', NULL, NULL, NULL, NULL, NULL, false, false, NULL, false, asked, NULL,
            NULL, NULL, NULL
        FROM asking CROSS JOIN LATERAL jsonb_array_elements(lines) line
        UNION ALL
        SELECT service_id, NULL, NULL, NULL, NULL, author ->> 'name', false, false, NULL, false, NULL, NULL,
            NULL, NULL, NULL
        FROM catalogue_changes WHERE provider_id = :provider AND kind = :deleted
        UNION ALL
        SELECT unnest(coalesce(service_ids, ARRAY[service_id])), NULL, NULL, NULL, NULL, NULL, false, false, NULL,
            false, NULL, NULL, {_done("at", "author")}, NULL, NULL
        FROM catalogue_changes WHERE provider_id = :provider AND partner = :partner AND kind = :unticked
        UNION ALL
        SELECT line.service_id, NULL, NULL, NULL, NULL, NULL, false, false, NULL, false, NULL, NULL, NULL,
            {_done("e.at", "e.author")}, NULL
        FROM price_edits e JOIN price_changes line ON line.edit_id = e.id
        WHERE e.provider_id = :provider AND e.partner = :partner AND line.new_amount IS NULL
            AND line.service_id IN (SELECT id FROM services WHERE provider_id = :provider)
        UNION ALL
        SELECT gone.id, NULL, NULL, NULL, NULL, NULL, false, false, NULL, false, NULL, NULL, NULL, NULL,
            {_done("at", "author")}
        FROM catalogue_changes CROSS JOIN LATERAL jsonb_array_elements_text(old -> 'service_ids') gone(id)
        WHERE provider_id = :provider AND kind IN (:calendar_changed, :calendar_deleted)
    ), offered AS (
        SELECT
            id, max(code) AS code, max(name) AS name, max(duration_minutes) AS minutes,
            max(deleted_at) AS deleted_at, max(deleted_by) AS deleted_by, bool_or(ticked) AS ticked,
            bool_or(priced) AS priced, max(longest) AS longest, bool_or(admitted) AS admitted,
            max(asked) AS asked, max(rejection ->> 'at') AS rejected_at,
            max(coalesce(nullif(rejection ->> 'detail', ''), rejection ->> 'code')) AS rejected_why,
            max(unticked) AS unticked, max(unpriced) AS unpriced, max(uncovered) AS uncovered
        FROM said GROUP BY id HAVING count(code) > 0
    )
    SELECT
        (SELECT json_agg(json_build_array(
            id, code, name, minutes, deleted_at, deleted_by, ticked, priced, longest, admitted, asked,
            rejected_at, rejected_why, CASE WHEN NOT ticked THEN unticked END,
            CASE WHEN NOT priced THEN unpriced END, CASE WHEN longest IS NULL THEN uncovered END))
            FROM offered) AS services,
        (SELECT json_build_object('id', id, 'status', status, 'since', since, 'reason', reason, 'cause', cause,
            'by', by, 'silent_since', failing_since, 'refused', refused) FROM link) AS link,
        (SELECT json_build_object(
            'id', id, 'case', case_data, 'progress', progress, 'since', coalesce(ended_at, (
                SELECT max(at) FROM onboarding_events
                WHERE onboarding_id = run.id AND type = 'onboarding.hold' AND run.status = 'on_hold')))
            FROM run) AS run,
        ({_DISABLED}) AS disabled
    """  # noqa: S608 - constants of ours
)


@dataclass(frozen=True)
class Looked:
    """The snapshot, and the case of its onboarding where there is one."""

    snapshot: Snapshot
    case: Case | None


async def one_moment(session: AsyncSession) -> None:
    """Makes the transaction, which has read nothing yet, see one moment in all its statements."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def look(
    session: AsyncSession,
    provider: Provider,
    playbook: Playbook,
    counting: tuple[str, ...],
    now: datetime,
    *,
    onboarding_id: str | None = None,
) -> Looked:
    """The channel to the playbook's partner ``now``; also where there is no channel and no onboarding yet.

    ``counting`` is the declaration, as :func:`read_facts` wants it. Told is the onboarding that governs the channel, or
    the one of that id; one on hold as it would stand if it went on now.
    """
    ahead = await openings_ahead(session, provider.id, now)
    facts = await count_facts(session, provider.id, playbook.slug, counting, ahead)
    given = {
        "provider": provider.id,
        "partner": playbook.slug,
        "onboarding": onboarding_id,
        "deleted": Kind.SERVICE_DELETED.value,
        "unticked": Kind.SERVICES_UNTICKED.value,
        "disabled": Kind.CHANNEL_DISABLED.value,
        "calendar_changed": Kind.CALENDAR_CHANGED.value,
        "calendar_deleted": Kind.CALENDAR_DELETED.value,
        "declined": ConnectionEvent.NOTICE_REJECTED.value,
        "trouble": ConnectionEvent.NOTICE_TROUBLE.value,
        **asked(ahead),
    }
    row = (await session.execute(_READ, given)).mappings().one()
    case, run = _run(row["run"], facts, now)
    governed = run is not None and (
        run.progress.status.is_open or run.progress.status is OnboardingStatus.LIVE
    )
    snapshot = Snapshot(
        playbook=case.playbook if case and governed else playbook,
        facts=facts,
        run=run,
        services=tuple(services_of(row["services"] or (), connected=row["link"] is not None)),
        link=None if row["link"] is None else Link(**row["link"]),
        disabled=_disabled(facts, row["disabled"]),
    )
    return Looked(snapshot, case)


async def as_seen(session: AsyncSession, case: Case, progress: Progress) -> Snapshot:
    """The channel as far as its onboarding has looked, which is what the onboarding's steps go by."""
    given = {
        "provider": case.provider_id,
        "partner": case.playbook.slug,
        "disabled": Kind.CHANNEL_DISABLED.value,
    }
    facts, run = progress.facts, Run(id=case.onboarding_id, progress=progress)
    disabled = None if facts.enabled else await session.scalar(text(_DISABLED), given)
    return Snapshot(playbook=case.playbook, facts=facts, run=run, disabled=_disabled(facts, disabled))


def _disabled(facts: ChannelFacts, found: Mapping[str, Any] | None) -> Known | None:
    return None if facts.enabled or found is None else Known(**found)


def _run(
    found: Mapping[str, Any] | None, facts: ChannelFacts, now: datetime
) -> tuple[Case | None, Run | None]:
    if found is None:
        return None, None
    run = Run.model_validate({name: found[name] for name in ("id", "progress", "since")})
    case = Case.model_validate(found["case"])
    return case, run.model_copy(update={"progress": as_resumed(case, run.progress, facts, now)})
