"""Turns what is stored of account managers into what the API and the pages show."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import assignments, people, substitutions
from adapters.database.people_tables import AccountManagerRow
from api.onboarding_view import person
from api.schemas.people import AccountManagerView, SubstitutionView


async def one(session: AsyncSession, row: AccountManagerRow) -> AccountManagerView:
    return (await several(session, [row]))[0]


async def several(session: AsyncSession, rows: Sequence[AccountManagerRow]) -> list[AccountManagerView]:
    """In the order given."""
    staff, now = await people.staff(session), datetime.now(UTC)
    counts = await assignments.open_counts(session, [row.id for row in rows])
    made = []
    for row in rows:
        acting = staff.acting(row.id, now)
        made.append(
            AccountManagerView(
                **{name: getattr(row, name) for name in ("id", "name", "email", "locale", "time_zone")},
                lead=person(staff.get(row.lead_id)),
                acting=person(acting) if acting and acting.id != row.id else None,
                open_onboardings=counts.get(row.id, 0),
                version=row.version,
                created_at=row.created_at,
                retired_at=row.retired_at,
            )
        )
    return made


async def substitutes(session: AsyncSession, person_id: str) -> list[SubstitutionView]:
    """Who stood, stands or will stand in for the person, the latest first."""
    await people.one(session, person_id)
    staff = await people.staff(session)
    return [
        SubstitutionView.of(row, staff.managers[row.substitute_id].name)
        for row in await substitutions.listed(session, person_id)
    ]
