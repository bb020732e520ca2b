"""The read model of the onboardings: written with a revision that never goes back, read by pages and lists."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from adapters.database import connections
from adapters.database.links import OUTLIVES_DUE
from adapters.database.tables import OnboardingRow
from domain.messages import OnboardingStart
from domain.model import OnboardingStatus
from domain.progress import Case, Change, Event, Progress
from domain.steps.base import StepRecord

ASSIGNED, FILED = "onboarding.assigned", "evidence.added"
NOT_THE_WORKFLOWS = [ASSIGNED, FILED]  # types of a history's lines
EVENTS_CHANNEL = "racord_events"

log = structlog.get_logger()

# One statement, one round trip: the row, its steps, its history and its links move together or not at all. A later turn
# of the workflow goes back behind what an earlier one wrote and lost; of one turn, each revision is written once.
_WRITE = text(
    """
    WITH moved AS (
        UPDATE onboardings SET
            status = :status, revision = :revision, waiting_on = :waiting_on, progress = CAST(:progress AS jsonb),
            updated_at = :now, ended_at = CASE WHEN :open THEN NULL ELSE COALESCE(ended_at, :now) END,
            turn = greatest(turn, :turn)
        WHERE id = :id AND (turn <= :turn OR :turn = 0)
            AND (revision < :revision OR turn < :turn AND ended_at IS NULL)
        RETURNING id
    ), lost AS (
        DELETE FROM onboarding_events e USING moved
        WHERE e.onboarding_id = moved.id AND e.revision >= :revision AND e.type <> ALL(:not_the_workflows)
        RETURNING e.command_id, e.at, e.data
    ), lost_hold AS (
        SELECT coalesce(sum(at - CAST(data ->> 'held_since' AS timestamptz)), interval '0') AS length FROM lost
    ), placed AS (
        INSERT INTO steps (onboarding_id, key, state, waiting_on, since, due_at, attempt)
        SELECT moved.id, s.key, s.state, s.waiting_on, s.since, s.due_at, s.attempt
        FROM moved, jsonb_to_recordset(CAST(:steps AS jsonb)) AS s(
            key text, state text, waiting_on text, since timestamptz, due_at timestamptz, attempt int)
        ON CONFLICT (onboarding_id, key) DO UPDATE SET
            state = excluded.state, waiting_on = excluded.waiting_on, since = excluded.since,
            due_at = excluded.due_at, attempt = excluded.attempt
    ), told AS (
        INSERT INTO onboarding_events (onboarding_id, revision, type, at, step, actor, on_behalf_of, data, command_id)
        SELECT moved.id, :revision, e.type, e.at, e.step, e.actor, e.on_behalf_of, e.data, :command_id
        FROM moved, jsonb_to_recordset(CAST(:events AS jsonb)) AS e(
            type text, at timestamptz, step text, actor jsonb, on_behalf_of text, data jsonb)
    ), due AS (
        SELECT s.key, s.due_at + CAST(:outlives_due AS interval) AS until
        FROM jsonb_to_recordset(CAST(:steps AS jsonb)) AS s(key text, waiting_on text, due_at timestamptz)
        WHERE s.waiting_on IS NOT NULL
    ), linked AS (
        UPDATE links SET
            used_at = CASE WHEN links.id = :used_link THEN :now
                WHEN 'link-' || links.id IN (SELECT command_id FROM lost) THEN NULL ELSE used_at END,
            revoked_at = CASE WHEN links.id = :used_link OR :open THEN revoked_at ELSE COALESCE(revoked_at, :now) END,
            expires_at = greatest(expires_at + CAST(:held AS interval) - lost_hold.length,
                (SELECT until FROM due WHERE key = links.step
                    AND links.expires_at + CAST(:held AS interval) - lost_hold.length > :now))
        FROM moved, lost_hold
        WHERE links.onboarding_id = moved.id
            AND (links.used_at IS NULL
                    AND (links.id = :used_link OR NOT :open OR CAST(:held AS interval) <> lost_hold.length
                        OR links.expires_at < (SELECT until FROM due WHERE key = links.step))
                OR 'link-' || links.id IN (SELECT command_id FROM lost))
    )
    SELECT pg_notify(:channel, json_build_object('onboarding', id, 'revision', :revision)::text) FROM moved
    """
)


async def open_onboarding(session: AsyncSession, case: Case, change: Change) -> None:
    """Inserts a new onboarding with its first progress. A second open one on the channel violates `onboardings_open`."""
    await session.execute(
        insert(OnboardingRow).values(
            id=case.onboarding_id,
            provider_id=case.provider_id,
            partner=case.playbook.slug,
            status=change.progress.status,
            revision=0,
            case=case.model_dump(mode="json"),
            progress={},
        )
    )
    await write(await session.connection(), case.onboarding_id, change.progress, change.events)


async def write(
    connection: AsyncConnection,
    onboarding_id: str,
    progress: Progress,
    events: Sequence[Event],
    *,
    command_id: str | None = None,
    used_link: str | None = None,
    turn: int = 0,
) -> None:
    """Moves the read model to ``progress``; a revision that is there already, or passed, changes nothing.

    ``turn`` grows with the workflow's turns; 0 where it is no workflow that writes. A write that moves nothing and is
    no repetition is logged. What an earlier turn wrote from this
    revision on was lost (its worker was killed, and news came before the next turn): it is written over, its lines leave
    the history, its links are unused.

    One that is live gets its connection right after: in the same transaction where there is one, else in a statement
    of its own, which whoever repeats this one repeats too.
    """
    moved = await connection.execute(
        _WRITE,
        {
            "id": onboarding_id,
            "status": progress.status.value,
            "revision": progress.revision,
            "waiting_on": progress.waiting_on,
            "progress": progress.model_dump_json(),
            "open": progress.status.is_open,
            "now": datetime.now(UTC),
            "steps": json.dumps([_step(record) for record in progress.steps.values()]),
            "events": json.dumps([event.model_dump(mode="json") for event in events]),
            "command_id": command_id,
            "used_link": used_link,
            "held": _held(events),
            "outlives_due": OUTLIVES_DUE,
            "channel": EVENTS_CHANNEL,
            "not_the_workflows": NOT_THE_WORKFLOWS,
            "turn": turn,
        },
    )
    if moved.first() is None:
        await _say_what_counts_for_nothing(connection, onboarding_id, progress, turn)
    if progress.status is OnboardingStatus.LIVE:
        facts = progress.facts
        await connections.begin(
            connection, onboarding_id, version=facts.version, digest=facts.digest, now=datetime.now(UTC)
        )


async def _say_what_counts_for_nothing(
    connection: AsyncConnection, onboarding_id: str, progress: Progress, turn: int
) -> None:
    """Logs a write that moved nothing, unless it repeats what is there."""
    ask = select(OnboardingRow.revision, OnboardingRow.turn, OnboardingRow.progress)
    there = (await connection.execute(ask.where(OnboardingRow.id == onboarding_id))).one_or_none()
    if there and (
        (there.revision == progress.revision and there.progress == progress.model_dump(mode="json"))
        or (there.revision > progress.revision and there.turn == turn)
    ):
        return
    log.warning(
        "onboarding not written: what is there counts",
        onboarding=onboarding_id,
        revision=progress.revision,
        turn=turn,
        there_revision=there and there.revision,
        there_turn=there and there.turn,
    )


def _step(record: StepRecord) -> dict[str, Any]:
    return record.model_dump(
        mode="json", include={"key", "state", "waiting_on", "since", "due_at", "attempt"}
    )


def _held(events: Sequence[Event]) -> timedelta:
    """How long a hold that ends here took: links that waited meanwhile stay good for as much longer."""
    for event in events:
        if since := event.data.get("held_since"):
            return event.at - datetime.fromisoformat(since)
    return timedelta()


async def load_start(session: AsyncSession, onboarding_id: str) -> OnboardingStart | None:
    """All that is needed to start or rebuild the workflow of an open onboarding; None where it is not open."""
    row = await session.get(OnboardingRow, onboarding_id)
    if row is None:
        return None
    progress = Progress.model_validate(row.progress)
    return (
        OnboardingStart(case=Case.model_validate(row.case), progress=progress)
        if progress.status.is_open
        else None
    )


async def mark_started(session: AsyncSession, onboarding_id: str) -> None:
    await session.execute(
        update(OnboardingRow)
        .where(OnboardingRow.id == onboarding_id, OnboardingRow.workflow_started_at.is_(None))
        .values(workflow_started_at=datetime.now(UTC))
    )


async def open_ids(session: AsyncSession, *, not_started: bool = False) -> Sequence[str]:
    """Ids of the open onboardings; with ``not_started`` only those whose workflow was never seen to start."""
    ask = select(OnboardingRow.id).where(OnboardingRow.status.in_(("in_progress", "on_hold")))
    if not_started:
        ask = ask.where(OnboardingRow.workflow_started_at.is_(None))
    return (await session.scalars(ask)).all()


async def open_on_channel(session: AsyncSession, provider_id: str, partner: str) -> str | None:
    ask = select(OnboardingRow.id).where(
        OnboardingRow.provider_id == provider_id,
        OnboardingRow.partner == partner,
        OnboardingRow.status.in_(("in_progress", "on_hold")),
    )
    result: str | None = await session.scalar(ask)
    return result
