"""Reading onboardings: lists, one, its history and its mails. Pages and lists need no worker and no Temporal."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.tables import EventRow, MailRow, OnboardingRow, Provider
from domain.progress import Case, Progress


@dataclass(frozen=True)
class Found:
    """An onboarding as stored, its JSON read back into the domain's words."""

    row: OnboardingRow
    provider_name: str
    case: Case
    progress: Progress


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; None means everything."""

    status: str | None = None
    partner: str | None = None
    waiting_on: str | None = None
    q: str | None = None
    provider_id: str | None = None


def _chosen(ask: Select[OnboardingRow, str], chosen: Filter) -> Select[OnboardingRow, str]:
    if chosen.status:
        ask = ask.where(OnboardingRow.status == chosen.status)
    if chosen.partner:
        ask = ask.where(OnboardingRow.partner == chosen.partner)
    if chosen.waiting_on:
        ask = ask.where(OnboardingRow.waiting_on == chosen.waiting_on)
    if chosen.provider_id:
        ask = ask.where(OnboardingRow.provider_id == chosen.provider_id)
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


def _found(row: OnboardingRow, provider_name: str) -> Found:
    return Found(row, provider_name, Case.model_validate(row.case), Progress.model_validate(row.progress))


async def listed(
    session: AsyncSession, chosen: Filter, *, limit: int, after: tuple[datetime, str] | None
) -> Sequence[Found]:
    """At most ``limit`` onboardings, newest first, from behind ``after`` = (created_at, id)."""
    ask = (
        _chosen(_ALL, chosen).order_by(OnboardingRow.created_at.desc(), OnboardingRow.id.desc()).limit(limit)
    )
    if after is not None:
        ask = ask.where(tuple_(OnboardingRow.created_at, OnboardingRow.id) < after)
    return [_found(row, name) for row, name in (await session.execute(ask))]


async def one(session: AsyncSession, onboarding_id: str) -> Found | None:
    pair = (await session.execute(_ALL.where(OnboardingRow.id == onboarding_id))).one_or_none()
    return _found(pair[0], pair[1]) if pair else None


async def several(session: AsyncSession, onboarding_ids: Collection[str]) -> dict[str, Found]:
    """These onboardings, by id."""
    pairs = await session.execute(_ALL.where(OnboardingRow.id.in_(onboarding_ids)))
    return {row.id: _found(row, name) for row, name in pairs}


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


async def newest_event(session: AsyncSession, onboarding_id: str, type: str, step: str) -> EventRow | None:
    """The last event of that type at that step."""
    ask = select(EventRow).where(
        EventRow.onboarding_id == onboarding_id, EventRow.type == type, EventRow.step == step
    )
    return (await session.scalars(ask.order_by(EventRow.id.desc()).limit(1))).one_or_none()


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
