"""Reading onboardings: lists, one, its history and its mails. Pages and lists need no worker and no Temporal."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import people
from adapters.database.tables import EventRow, MailRow, OnboardingRow, Provider
from domain.people import Manager, Staff
from domain.progress import Case, Progress

NOBODY = "none"  # as a filter: those that are assigned to nobody


@dataclass(frozen=True)
class Found:
    """An onboarding as stored, its JSON read back into the domain's words.

    ``acting`` is whoever stands in for the ``assignee`` today; None where that is the assignee.
    """

    row: OnboardingRow
    provider_name: str
    case: Case
    progress: Progress
    assignee: Manager | None = None
    acting: Manager | None = None


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; None means everything."""

    status: str | None = None
    partner: str | None = None
    waiting_on: str | None = None
    q: str | None = None
    provider_id: str | None = None
    assignee: str | None = None


def _chosen(ask: Select[OnboardingRow, str], chosen: Filter) -> Select[OnboardingRow, str]:
    if chosen.status:
        ask = ask.where(OnboardingRow.status == chosen.status)
    if chosen.partner:
        ask = ask.where(OnboardingRow.partner == chosen.partner)
    if chosen.waiting_on:
        ask = ask.where(OnboardingRow.waiting_on == chosen.waiting_on)
    if chosen.provider_id:
        ask = ask.where(OnboardingRow.provider_id == chosen.provider_id)
    if chosen.assignee == NOBODY:
        ask = ask.where(OnboardingRow.assignee_id.is_(None))
    elif chosen.assignee:
        ask = ask.where(OnboardingRow.assignee_id == chosen.assignee)
    if chosen.q:
        words = chosen.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        ask = ask.where(
            or_(
                Provider.name.ilike(f"%{words}%"),
                OnboardingRow.id == chosen.q,
                OnboardingRow.partner == chosen.q,
            )
        )
    return ask


_ALL = select(OnboardingRow, Provider.name).join(Provider, Provider.id == OnboardingRow.provider_id)


async def _found(session: AsyncSession, pairs: Iterable[tuple[OnboardingRow, str]]) -> list[Found]:
    rows = [(row, name) for row, name in pairs]
    staff = Staff(managers={})
    if any(row.assignee_id for row, _ in rows):
        staff = await people.staff(session)
    now = datetime.now(UTC)
    return [_one(row, name, staff, now) for row, name in rows]


def _one(row: OnboardingRow, provider_name: str, staff: Staff, now: datetime) -> Found:
    assignee, acting = staff.get(row.assignee_id), staff.acting(row.assignee_id, now)
    return Found(
        row,
        provider_name,
        Case.model_validate(row.case),
        Progress.model_validate(row.progress),
        assignee,
        acting if acting != assignee else None,
    )


async def listed(
    session: AsyncSession, chosen: Filter, *, limit: int, after: tuple[datetime, str] | None
) -> Sequence[Found]:
    """At most ``limit`` onboardings, newest first, from behind ``after`` = (created_at, id)."""
    ask = (
        _chosen(_ALL, chosen).order_by(OnboardingRow.created_at.desc(), OnboardingRow.id.desc()).limit(limit)
    )
    if after is not None:
        ask = ask.where(tuple_(OnboardingRow.created_at, OnboardingRow.id) < after)
    return await _found(session, await session.execute(ask))


async def one(session: AsyncSession, onboarding_id: str) -> Found | None:
    pairs = await session.execute(_ALL.where(OnboardingRow.id == onboarding_id))
    return next(iter(await _found(session, pairs)), None)


async def several(session: AsyncSession, onboarding_ids: Collection[str]) -> dict[str, Found]:
    """These onboardings, by id."""
    pairs = await session.execute(_ALL.where(OnboardingRow.id.in_(onboarding_ids)))
    return {found.row.id: found for found in await _found(session, pairs)}


async def provider_of(session: AsyncSession, onboarding_id: str) -> str | None:
    """The provider that an onboarding belongs to."""
    found: str | None = await session.scalar(
        select(OnboardingRow.provider_id).where(OnboardingRow.id == onboarding_id)
    )
    return found


async def history(
    session: AsyncSession, onboarding_id: str, *, limit: int, before: int | None
) -> Sequence[EventRow]:
    """Newest first, from before the event with the id ``before``."""
    ask = (
        select(EventRow)
        .where(EventRow.onboarding_id == onboarding_id)
        .order_by(EventRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        ask = ask.where(EventRow.id < before)
    return (await session.scalars(ask)).all()


async def newest_event(
    session: AsyncSession, onboarding_id: str, type: str, step: str | None
) -> EventRow | None:
    """The last event of that type at that step; without one, of the onboarding as a whole."""
    ask = select(EventRow).where(
        EventRow.onboarding_id == onboarding_id, EventRow.type == type, EventRow.step == step
    )
    return (await session.scalars(ask.order_by(EventRow.id.desc()).limit(1))).one_or_none()


async def events_of(session: AsyncSession, onboarding_id: str, type: str, step: str) -> list[EventRow]:
    """All events of that type at that step, oldest first."""
    ask = select(EventRow).where(
        EventRow.onboarding_id == onboarding_id, EventRow.type == type, EventRow.step == step
    )
    return list(await session.scalars(ask.order_by(EventRow.id)))


async def event_of_command(session: AsyncSession, onboarding_id: str, command_id: str) -> EventRow | None:
    """The event that a command led to, if it was carried out."""
    ask = select(EventRow).where(EventRow.onboarding_id == onboarding_id, EventRow.command_id == command_id)
    return (await session.scalars(ask.order_by(EventRow.id).limit(1))).one_or_none()


async def mails(session: AsyncSession, onboarding_id: str) -> Sequence[MailRow]:
    """The onboarding's messages, oldest first."""
    ask = (
        select(MailRow).where(MailRow.onboarding_id == onboarding_id).order_by(MailRow.created_at, MailRow.id)
    )
    return (await session.scalars(ask)).all()
