"""Who stands in for an account manager who is away, on which days. Nothing here commits; writers hold the people's lock."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import people
from adapters.database.people_tables import SubstitutionRow
from adapters.identifiers import new_id
from domain.errors import N_, Conflict, Invalid
from domain.model import Actor


async def listed(session: AsyncSession, person_id: str) -> Sequence[SubstitutionRow]:
    """All there ever were, the latest first."""
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
        .where(SubstitutionRow.account_manager_id == person_id)
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
    made = SubstitutionRow(
        id=new_id("sub"),
        account_manager_id=person_id,
        substitute_id=substitute_id,
        first_day=first_day,
        last_day=last_day,
        reason=reason,
        created_by=by.model_dump(mode="json"),
    )
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


async def remove(session: AsyncSession, person_id: str, substitution_id: str) -> bool:
    """Whether it was there."""
    await people.lock(session)
    gone = await session.scalar(
        delete(SubstitutionRow)
        .where(SubstitutionRow.id == substitution_id, SubstitutionRow.account_manager_id == person_id)
        .returning(SubstitutionRow.id)
    )
    return gone is not None
