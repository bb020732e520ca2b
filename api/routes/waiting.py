"""Where the time went, and when it may be over: the waiting ledger and the forecast (R12, R21)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import waiting as store
from adapters.database.onboardings import Found
from adapters.database.waiting import Chosen, Waited
from api.access import Principal, Reader
from api.context import Context
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.routes.onboardings import OnboardingId, find
from api.schemas.onboardings import ProviderBrief
from api.schemas.waiting import (
    By,
    ForecastView,
    Month,
    WaitingPage,
    WaitingPeriod,
    WaitingRow,
    WaitingView,
)
from domain.errors import Invalid
from domain.forecast import forecast
from domain.model import OnboardingStatus
from domain.waiting import Period, Sums, by_month, periods, total

router = APIRouter(tags=["waiting"])

PAST = 100  # newest onboardings that a forecast looks at: a partner of two years ago is another one
MOST_ONBOARDINGS = 5000
MOST_MONTHS = 36
MONTHS = 12  # where the caller names none


@dataclass(frozen=True)
class Months:
    """A run of months, each named by its first day."""

    first: date
    last: date

    @classmethod
    def named(cls, since: str | None, until: str | None, today: date) -> "Months":
        """What the caller asked for; else the last twelve, with the present one. Raises Invalid for too many or none."""
        last = _month(until) if until else today.replace(day=1)
        first = _month(since) if since else _back(last, MONTHS - 1)
        if not first <= last or _back(last, MOST_MONTHS - 1) > first:
            raise Invalid(
                "From {first} until {last} are no months, or more than {most}.",
                mend="Give “from” and “until” as months, such as 2026-03, at most {most} of them.",
                first=f"{first:%Y-%m}",
                last=f"{last:%Y-%m}",
                most=MOST_MONTHS,
            )
        return cls(first, last)

    def clip(self, sums: Mapping[date, Sums]) -> dict[date, Sums]:
        return {month: one for month, one in sums.items() if self.first <= month <= self.last}


@router.get("/onboardings/{onboarding_id}/waiting")
async def of_onboarding(onboarding_id: OnboardingId, context: Context, principal: Reader) -> WaitingView:
    """Whose every working hour of the onboarding was, so far or until its end."""
    await find(context, principal, onboarding_id)
    async with context.database.transaction() as session:
        return ledger(await one_waited(session, onboarding_id), datetime.now(UTC))


@router.get("/onboardings/{onboarding_id}/forecast")
async def outlook(onboarding_id: OnboardingId, context: Context, principal: Reader) -> ForecastView:
    """When it may be live: a range, from past onboardings of the same partner; none where there are too few."""
    found = await find(context, principal, onboarding_id)
    async with context.database.transaction() as session:
        one = await one_waited(session, onboarding_id)
        return await foretold(session, found, one, datetime.now(UTC))


@router.get("/waiting")
async def sums(
    context: Context,
    principal: Reader,
    partner: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[Month | None, Query(alias="from", description="first month")] = None,
    until: Annotated[Month | None, Query(description="last month; else the present one")] = None,
    by: By = "month",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> WaitingPage:
    """Hours of all onboardings that ran in these months, summed. `limit` and `cursor` are for onboardings."""
    now = datetime.now(UTC)
    months = Months.named(since, until, now.date())
    chosen = chosen_by(principal, partner, months)
    async with context.database.transaction() as session:
        if by == "onboarding":
            return await _by_onboarding(session, chosen, months, now, limit, cursor)
        table = await summed(session, chosen, months, now)
    return WaitingPage(items=by_partner(table) if by == "partner" else by_months(table), next_cursor=None)


Table = dict[tuple[str, date], Sums]


def chosen_by(principal: Principal, partner: str | None, months: Months) -> Chosen:
    """What this principal may see of it: a provider its own only."""
    partner = partner.replace("\0", "") if partner else None
    return Chosen(partner=partner, provider_id=principal.provider_id, first=months.first, last=months.last)


async def summed(session: AsyncSession, chosen: Chosen, months: Months, now: datetime) -> Table:
    """Sums by partner and month. Raises Invalid where that would be too many onboardings to read."""
    many = await store.counted(session, chosen)
    if many > MOST_ONBOARDINGS:
        raise Invalid(
            "That would be {n} onboardings; at most {most} are summed at once.",
            mend="Ask for fewer months, or for one partner.",
            n=many,
            most=MOST_ONBOARDINGS,
        )
    table: Table = {}
    async for one in store.waited(session, chosen):
        for month, worked in months.clip(_monthly(one, now)).items():
            here = (one.partner, month)
            table[here] = total([table.get(here, {}), worked])
    return table


def by_partner(table: Table) -> list[WaitingRow]:
    return [
        WaitingRow.of(total(sums for (slug, _), sums in table.items() if slug == partner), partner=partner)
        for partner in sorted({partner for partner, _ in table})
    ]


def by_months(table: Table) -> list[WaitingRow]:
    """Newest first."""
    return [
        WaitingRow.of(total(sums for (_, one), sums in table.items() if one == month), month=f"{month:%Y-%m}")
        for month in sorted({month for _, month in table}, reverse=True)
    ]


async def _by_onboarding(
    session: AsyncSession, chosen: Chosen, months: Months, now: datetime, limit: int, cursor: str | None
) -> WaitingPage:
    after = read_cursor(cursor, datetime, str)
    rows = [
        one
        async for one in store.waited(session, chosen, limit=limit + 1, after=after and (after[0], after[1]))
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return WaitingPage(
        items=[
            WaitingRow.of(
                total(months.clip(_monthly(one, now)).values()),
                onboarding=one.id,
                provider=ProviderBrief(id=one.provider_id, name=one.provider_name),
                partner=one.partner,
            )
            for one in rows[:limit]
        ],
        next_cursor=cursor_of(last.created_at, last.id) if last else None,
    )


async def one_waited(session: AsyncSession, onboarding_id: str) -> Waited:
    """The history of an onboarding that is there."""
    (one,) = [one async for one in store.waited(session, Chosen(id=onboarding_id))]
    return one


def ledger(one: Waited, now: datetime) -> WaitingView:
    found = _periods(one, now)
    return WaitingView.of(
        total(by_month(found, one.story.calendar).values()),
        time_zone=one.story.calendar.time_zone,
        periods=[_shown(period, one) for period in found],
    )


def _shown(period: Period, one: Waited) -> WaitingPeriod:
    worked = one.story.calendar.worked(period.begin, period.end)
    return WaitingPeriod(
        owner=period.owner, begin=period.begin, end=period.end, hours=round(worked / timedelta(hours=1), 1)
    )


async def foretold(session: AsyncSession, found: Found, one: Waited, now: datetime) -> ForecastView:
    """The forecast of an onboarding, from those of its partner that went live last, whoever's they were."""
    alike = Chosen(partner=found.row.partner, status=OnboardingStatus.LIVE)
    past = [other.story async for other in store.waited(session, alike, limit=PAST)]
    order = [step.key for step in found.case.playbook.in_order()]
    return ForecastView.of(forecast(one.story, order, past, now))


def _periods(one: Waited, now: datetime) -> Sequence[Period]:
    return periods(one.story.marks, one.ended_at or now)


def _monthly(one: Waited, now: datetime) -> Mapping[date, Sums]:
    return by_month(_periods(one, now), one.story.calendar)


def _month(named: str) -> date:
    return date.fromisoformat(f"{named}-01")


def _back(month: date, count: int) -> date:
    number = month.year * 12 + month.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)
