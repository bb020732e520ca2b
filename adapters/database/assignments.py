"""Whose an onboarding is: given, taken away, handed over. Each move is a line of its history. Nothing here commits.

An assignment is no business of the workflow, so it needs no worker: the line carries the revision that the onboarding
has at that moment, and the open pages hear of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import people, substitutions
from adapters.database.people_tables import AccountManagerRow, SubstitutionRow
from adapters.database.records import ASSIGNED, EVENTS_CHANNEL
from adapters.database.tables import EventRow, OnboardingRow
from domain.errors import N_, Conflict, Invalid, NotFound, TooLate
from domain.model import Actor, OnboardingStatus

OPEN = tuple(status for status in OnboardingStatus if status.is_open)
# A live one goes on: its connection has notices and troubles that somebody of us settles.
ASSIGNABLE = (*OPEN, OnboardingStatus.LIVE)


@dataclass(frozen=True)
class Move:
    """From whom to whom, by whom, why; the people as rows, None for nobody."""

    source: AccountManagerRow | None
    target: AccountManagerRow | None
    by: Actor
    reason: str

    @property
    def data(self) -> dict[str, Any]:
        return {"from": _named(self.source), "to": _named(self.target), "reason": self.reason}


def _named(row: AccountManagerRow | None) -> dict[str, str] | None:
    return {"id": row.id, "name": row.name} if row else None


async def assign(
    session: AsyncSession, onboarding_id: str, person_id: str | None, *, by: Actor, reason: str
) -> bool:
    """Whether it moved: given to whom it belongs already, nothing happens."""
    await people.lock_to_assign(session)
    target = await people.working(session, person_id) if person_id else None
    columns = (OnboardingRow.revision, OnboardingRow.status, OnboardingRow.assignee_id)
    ask = select(*columns).where(OnboardingRow.id == onboarding_id).with_for_update(key_share=True)
    row = (await session.execute(ask)).one_or_none()
    if row is None:
        raise NotFound(
            "There is no {what} “{id}”.",
            mend="Check the id; the lists show those there are.",
            what="onboarding",
            id=onboarding_id,
        )
    if row.status not in ASSIGNABLE:
        raise TooLate(
            "The onboarding is {status}.",
            mend="Nothing can be done in it any more; start a new one if it is needed.",
            code="onboarding-ended",
            status=row.status,
        )
    if row.assignee_id == person_id:
        return False
    source = await people.one(session, row.assignee_id) if row.assignee_id else None
    await _move(session, {onboarding_id: row.revision}, Move(source, target, by, reason))
    return True


async def _move(session: AsyncSession, revisions: Mapping[str, int], move: Move) -> None:
    """Moves these onboardings, each with its revision of now; the caller has locked them."""
    if not revisions:
        return
    now = datetime.now(UTC)
    target_id = move.target.id if move.target else None
    moved = update(OnboardingRow).where(OnboardingRow.id.in_(revisions))
    await session.execute(moved.values(assignee_id=target_id, updated_at=now))
    actor, data = move.by.model_dump(mode="json"), move.data
    lines = [
        {"onboarding_id": id, "revision": revision, "type": ASSIGNED, "at": now, "actor": actor, "data": data}
        for id, revision in revisions.items()
    ]
    await session.execute(insert(EventRow), lines)
    for id, revision in revisions.items():
        news = json.dumps({"onboarding": id, "revision": revision})
        await session.execute(select(func.pg_notify(EVENTS_CHANNEL, news)))


async def open_counts(session: AsyncSession, person_ids: Sequence[str]) -> dict[str, int]:
    """How many open onboardings each of them has; who has none is not named."""
    ask = (
        select(OnboardingRow.assignee_id, func.count())
        .where(OnboardingRow.assignee_id.in_(person_ids), OnboardingRow.status.in_(OPEN))
        .group_by(OnboardingRow.assignee_id)
    )
    return {id: count for id, count in await session.execute(ask) if id}


async def retire(
    session: AsyncSession, person_id: str, *, hand_over_to: str | None, by: Actor, reason: str
) -> AccountManagerRow:
    """Retires somebody for good.

    With ``hand_over_to`` their open onboardings move there, and so do the days on which they stand in for others; without
    it they must have none. Whom they led is led by their own lead from now on.
    """
    await people.lock(session)
    person = await people.working(session, person_id)
    successor = await _successor(session, person, hand_over_to)
    today = datetime.now(UTC).date()
    revisions = await _open(session, person.id)
    standing_in = await _standing_in(session, person.id, today)
    if successor is None and (revisions or standing_in):
        raise Conflict(
            "{name} still has open onboardings ({n}), and stands in for others from today on ({m}).",
            mend="Say in “hand_over_to” who takes them over.",
            code="open-work",
            name=person.name,
            n=len(revisions),
            m=standing_in,
        )
    if successor is not None:
        await _move(session, revisions, Move(person, successor, by, reason))
        await substitutions.hand_over(session, person.id, successor.id, today, reason=reason, by=by)
    led = update(AccountManagerRow).where(AccountManagerRow.lead_id == person.id)
    await session.execute(led.values(lead_id=person.lead_id, version=AccountManagerRow.version + 1))
    person.retired_at = datetime.now(UTC)
    person.version += 1
    await session.flush()
    return person


async def _successor(
    session: AsyncSession, person: AccountManagerRow, hand_over_to: str | None
) -> AccountManagerRow | None:
    if hand_over_to is None:
        return None
    if hand_over_to == person.id:
        problem, mend = N_("Nobody hands over to themselves."), N_("Choose somebody else.")
        raise Invalid(
            problem, mend=mend, errors=[{"field": "hand_over_to", "problem": problem, "mend": mend}]
        )
    return await people.working(session, hand_over_to)


async def _open(session: AsyncSession, person_id: str) -> dict[str, int]:
    """The open onboardings with their revisions, locked: their workflows write them no further meanwhile."""
    ask = (
        select(OnboardingRow.id, OnboardingRow.revision)
        .where(OnboardingRow.assignee_id == person_id, OnboardingRow.status.in_(OPEN))
        .order_by(OnboardingRow.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row.revision for row in await session.execute(ask)}


async def _standing_in(session: AsyncSession, person_id: str, today: date) -> int:
    ask = select(func.count()).select_from(SubstitutionRow).where(substitutions.to_come(person_id, today))
    return await session.scalar(ask) or 0
