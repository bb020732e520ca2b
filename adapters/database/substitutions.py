"""Who stands in for an account manager who is away, on which days. Nothing here commits; writers hold the people's lock."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import people
from adapters.database.people_tables import SubstitutionRow
from adapters.identifiers import new_id
from domain.errors import N_, Conflict, Invalid
from domain.model import Actor


async def listed(session: AsyncSession, person_id: str) -> Sequence[SubstitutionRow]:
    """All there ever were, also those taken away; the latest first."""
    ask = select(SubstitutionRow).where(SubstitutionRow.account_manager_id == person_id)
    return (await session.scalars(ask.order_by(SubstitutionRow.first_day.desc(), SubstitutionRow.id))).all()


async def add(
    session: AsyncSession,
    person_id: str,
    substitute_id: str,
    first_day: date,
    last_day: date,
    *,
    reason: str,
    by: Actor,
) -> SubstitutionRow:
    """Both days are included. Refuses what cannot be, and what overlaps another of the same person."""
    await people.lock(session)
    person = await people.working(session, person_id)
    _must_make_sense(person_id, substitute_id, first_day, last_day)
    await people.working(session, substitute_id)
    other = await session.scalar(
        select(SubstitutionRow)
        .where(SubstitutionRow.account_manager_id == person_id, SubstitutionRow.ended_at.is_(None))
        .where(SubstitutionRow.first_day <= last_day, SubstitutionRow.last_day >= first_day)
        .limit(1)
    )
    if other is not None:
        raise Conflict(
            "Somebody stands in for {name} from {first_day} to {last_day} already.",
            mend="Choose other days, or take that one away first.",
            code="substitution-overlaps",
            name=person.name,
            first_day=other.first_day.isoformat(),
            last_day=other.last_day.isoformat(),
        )
    made = _made(person_id, substitute_id, first_day, last_day, reason, by)
    session.add(made)
    await session.flush()
    return made


def _must_make_sense(person_id: str, substitute_id: str, first_day: date, last_day: date) -> None:
    if substitute_id == person_id:
        raise _wrong("substitute_id", N_("Nobody stands in for themselves."), N_("Choose somebody else."))
    if last_day < first_day:
        raise _wrong(
            "last_day", N_("The last day is before the first."), N_("Choose the same day, or a later one.")
        )


def _wrong(field: str, problem: str, mend: str) -> Invalid:
    return Invalid(problem, mend=mend, errors=[{"field": field, "problem": problem, "mend": mend}])


async def end(session: AsyncSession, person_id: str, substitution_id: str, *, reason: str, by: Actor) -> bool:
    """Takes it away; one that was taken away before stays as it is. False where there never was one."""
    await people.lock(session)
    found = await session.get(SubstitutionRow, substitution_id)
    if found is None or found.account_manager_id != person_id:
        return False
    if found.ended_at is None:
        taken_away(found, reason=reason, by=by)
    return True


def taken_away(row: SubstitutionRow, *, reason: str, by: Actor) -> None:
    row.ended_at, row.ended_by, row.ended_reason = datetime.now(UTC), by.model_dump(mode="json"), reason


async def hand_over(
    session: AsyncSession, person_id: str, successor_id: str, today: date, *, reason: str, by: Actor
) -> None:
    """From ``today`` on the successor stands in where the person did; for themselves nobody does."""
    for row in (await session.scalars(select(SubstitutionRow).where(to_come(person_id, today)))).all():
        taken_away(row, reason=reason, by=by)
        if row.account_manager_id != successor_id:
            first = max(row.first_day, today)
            session.add(_made(row.account_manager_id, successor_id, first, row.last_day, row.reason, by))


def to_come(person_id: str, today: date) -> ColumnElement[bool]:
    """The substitutions in which the person stands in, today or later."""
    return and_(
        SubstitutionRow.substitute_id == person_id,
        SubstitutionRow.last_day >= today,
        SubstitutionRow.ended_at.is_(None),
    )


def _made(
    person_id: str, substitute_id: str, first_day: date, last_day: date, reason: str, by: Actor
) -> SubstitutionRow:
    return SubstitutionRow(
        id=new_id("sub"),
        account_manager_id=person_id,
        substitute_id=substitute_id,
        first_day=first_day,
        last_day=last_day,
        reason=reason,
        created_by=by.model_dump(mode="json"),
    )
