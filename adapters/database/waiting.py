"""Reading histories as the waiting ledger and the forecast need them: one query, streamed. Changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.deadlines import WorkCalendar
from domain.forecast import Story
from domain.model import OnboardingStatus
from domain.waiting import TURNS, Mark, next_month

AT_ONCE = 50  # onboardings in memory; between two lots the process turns to other requests
_DAY = timedelta(days=1)  # no time zone is further from UTC
_CHOSEN = """
    FROM onboardings o JOIN providers p ON p.id = o.provider_id
    WHERE (CAST(:id AS text) IS NULL OR o.id = :id)
        AND (CAST(:partner AS text) IS NULL OR o.partner = :partner)
        AND (CAST(:provider_id AS text) IS NULL OR o.provider_id = :provider_id)
        AND (CAST(:status AS text) IS NULL OR o.status = :status)
        AND (CAST(:before AS timestamptz) IS NULL OR o.created_at < :before)
        AND (CAST(:since AS timestamptz) IS NULL OR o.ended_at IS NULL OR o.ended_at >= :since)
"""
# The case is big: of it only the one calendar that counts leaves the database, and of the events what says whose turn it is.
_READ = text(
    f"""
    SELECT o.id, o.provider_id, p.name AS provider_name, o.partner, o.created_at, o.ended_at,
        o.case_data #>> '{{calendars,us}}' AS calendar,
        (SELECT json_agg(json_build_array(e.type, e.at, e.step, e.data ->> 'waiting_on') ORDER BY e.id)
            FROM onboarding_events e WHERE e.onboarding_id = o.id AND e.type = ANY(:turns)) AS marks
    {_CHOSEN}
        AND (CAST(:after_at AS timestamptz) IS NULL OR (o.created_at, o.id) < (:after_at, :after_id))
    ORDER BY o.created_at DESC, o.id DESC
    LIMIT :limit
    """  # noqa: S608 - our own text
)
_COUNT = text(f"SELECT count(*) {_CHOSEN}")


@dataclass(frozen=True)
class Chosen:
    """What is read; None means everything. ``first`` and ``last`` are months, by their first days, that it ran in."""

    id: str | None = None
    partner: str | None = None
    provider_id: str | None = None
    status: OnboardingStatus | None = None
    first: date | None = None
    last: date | None = None

    @property
    def given(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "partner": self.partner,
            "provider_id": self.provider_id,
            "status": self.status.value if self.status else None,
            "since": _midnight(self.first) - _DAY if self.first else None,
            "before": _midnight(next_month(self.last)) + _DAY if self.last else None,
        }


@dataclass(frozen=True, slots=True)
class Waited:
    """An onboarding and its history."""

    id: str
    provider_id: str
    provider_name: str
    partner: str
    created_at: datetime
    ended_at: datetime | None
    story: Story


async def waited(
    session: AsyncSession,
    chosen: Chosen,
    *,
    limit: int | None = None,
    after: tuple[datetime, str] | None = None,
) -> AsyncIterator[Waited]:
    """The onboardings chosen, newest first, from behind ``after`` = (created_at, id)."""
    after_at, after_id = after or (None, "")
    given = {
        **chosen.given,
        "turns": sorted(TURNS),
        "limit": limit,
        "after_at": after_at,
        "after_id": after_id,
    }
    calendars: dict[str | None, WorkCalendar] = {None: WorkCalendar()}
    rows = await session.stream(_READ, given, execution_options={"yield_per": AT_ONCE})
    async for row in rows:
        if row.calendar not in calendars:
            calendars[row.calendar] = WorkCalendar.model_validate_json(row.calendar)
        yield Waited(
            id=row.id,
            provider_id=row.provider_id,
            provider_name=row.provider_name,
            partner=row.partner,
            created_at=row.created_at,
            ended_at=row.ended_at,
            story=Story([_mark(*one) for one in row.marks or ()], calendars[row.calendar]),
        )


async def counted(session: AsyncSession, chosen: Chosen) -> int:
    """How many onboardings :func:`waited` would read."""
    return int((await session.execute(_COUNT, chosen.given)).scalar_one())


def _mark(type: str, at: str, step: str | None, waiting_on: str | None) -> Mark:
    return Mark(type, datetime.fromisoformat(at), step, waiting_on)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
