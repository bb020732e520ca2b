"""The people on our side: account managers, their leads, who stands in for whom. Nothing here commits.

Writers take turns under one lock, for what they must not do (lead in a circle, overlap, give work to the retired) is
seen only across rows. Whoever assigns an onboarding takes part in it as a reader: see :mod:`.assignments`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.catalogue import change as change_row
from adapters.database.people_tables import AccountManagerRow, SubstitutionRow
from adapters.database.tables import OnboardingRow
from adapters.identifiers import new_id
from domain.errors import N_, Conflict, NotFound
from domain.people import Manager, Staff, Substitution

_LOCK = func.hashtextextended("account managers", 0)
# No clock on earth is further from UTC than this: a day that has ended everywhere concerns nobody any more.
_DAY_ENDS_EVERYWHERE = timedelta(days=2)


async def lock(session: AsyncSession) -> None:
    """The people are ours to change until the transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def lock_to_assign(session: AsyncSession) -> None:
    """Nobody retires until the transaction ends; several may assign at once."""
    await session.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))


async def staff(session: AsyncSession) -> Staff:
    """All account managers, also the retired, and the substitutions that are not over, nor taken away."""
    managers = await session.scalars(select(AccountManagerRow))
    last = datetime.now(UTC).date() - _DAY_ENDS_EVERYWHERE
    away = await session.scalars(
        select(SubstitutionRow).where(SubstitutionRow.last_day >= last, SubstitutionRow.ended_at.is_(None))
    )
    return Staff(
        managers={row.id: manager_of(row) for row in managers},
        substitutions=tuple(_substitution_of(row) for row in away),
    )


def manager_of(row: AccountManagerRow) -> Manager:
    return Manager(
        id=row.id,
        name=row.name,
        email=row.email,
        locale=row.locale,
        time_zone=row.time_zone,
        lead_id=row.lead_id,
        retired=row.retired_at is not None,
    )


def _substitution_of(row: SubstitutionRow) -> Substitution:
    return Substitution(
        account_manager_id=row.account_manager_id,
        substitute_id=row.substitute_id,
        first_day=row.first_day,
        last_day=row.last_day,
    )


async def acting_for(session: AsyncSession, onboarding_id: str, at: datetime) -> Manager | None:
    """Who acts for the onboarding at that time: its assignee, or whoever stands in on the assignee's own day."""
    return (await staff(session)).acting(await _assignee_id(session, onboarding_id), at)


async def lead_of(session: AsyncSession, onboarding_id: str, at: datetime) -> Manager | None:
    """Who acts for the lead of the onboarding's assignee at that time."""
    return (await staff(session)).lead_of(await _assignee_id(session, onboarding_id), at)


async def _assignee_id(session: AsyncSession, onboarding_id: str) -> str | None:
    found: str | None = await session.scalar(
        select(OnboardingRow.assignee_id).where(OnboardingRow.id == onboarding_id)
    )
    return found


async def one(session: AsyncSession, person_id: str) -> AccountManagerRow:
    """The account manager, retired or not; :class:`NotFound` where there is none."""
    found = await session.get(AccountManagerRow, person_id)
    if found is None:
        raise NotFound(
            "There is no {what} “{id}”.",
            mend="Check the id; the lists show those there are.",
            what=N_("account manager"),
            id=person_id,
        )
    return found


async def working(session: AsyncSession, person_id: str) -> AccountManagerRow:
    """The account manager; a :class:`Conflict` where they have retired."""
    found = await one(session, person_id)
    if found.retired_at is not None:
        raise Conflict(
            "{name} has retired.", mend="Choose somebody else.", code="person-retired", name=found.name
        )
    return found


async def listed(
    session: AsyncSession,
    *,
    limit: int | None = None,
    after: tuple[str, str] | None = None,
    with_retired: bool = False,
) -> Sequence[AccountManagerRow]:
    """At most ``limit`` by name, from behind ``after`` = (name, id)."""
    ask = select(AccountManagerRow).order_by(AccountManagerRow.name, AccountManagerRow.id).limit(limit)
    if not with_retired:
        ask = ask.where(AccountManagerRow.retired_at.is_(None))
    if after is not None:
        ask = ask.where(tuple_(AccountManagerRow.name, AccountManagerRow.id) > after)
    return (await session.scalars(ask)).all()


async def create(session: AsyncSession, **values: Any) -> AccountManagerRow:
    """``values``: name, email, locale, time_zone, lead_id, each checked by the caller as far as it stands alone."""
    await lock(session)
    await _must_be_free(session, values["email"])
    if lead_id := values.get("lead_id"):
        await working(session, lead_id)
    made = AccountManagerRow(id=new_id("amg"), version=1, **values)
    session.add(made)
    await session.flush()
    return made


async def change(session: AsyncSession, found: AccountManagerRow, changes: Mapping[str, Any]) -> None:
    """The caller has the lock, and read the row under it."""
    if "email" in changes:
        await _must_be_free(session, changes["email"], but=found.id)
    lead_id = changes.get("lead_id")
    if lead_id is not None:
        lead = await working(session, lead_id)
        if not (await staff(session)).may_lead(lead_id, found.id):
            raise Conflict(
                "{lead} cannot lead {name}: they would lead themselves.",
                mend="Choose a lead who is not led by {name}.",
                code="leads-in-circle",
                lead=lead.name,
                name=found.name,
            )
    await change_row(session, found, changes)


async def _must_be_free(session: AsyncSession, email: str, *, but: str = "") -> None:
    """Two people with one mailbox would read each other's mails."""
    same = select(AccountManagerRow.name).where(
        func.lower(AccountManagerRow.email) == email.lower(),
        AccountManagerRow.retired_at.is_(None),
        AccountManagerRow.id != but,
    )
    if other := await session.scalar(same):
        raise Conflict(
            "{other} has the address {email} already.",
            mend="Use another address, or change theirs first.",
            code="email-taken",
            other=other,
            email=email,
        )
