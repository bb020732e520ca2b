"""Where the time went, as pages say it: hours by party as a bar and a table, the forecast in words (R12, R21)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated

from babel.dates import format_date
from babel.numbers import format_decimal
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.onboardings import Found
from adapters.i18n import format_day, say
from api.access import Reader as Reading
from api.context import Context
from api.pages.reader import Reader, reader_of
from api.pages.rendering import render
from api.routes import waiting as api
from api.routes.waiting import Months
from api.schemas.waiting import ForecastView, Hours, Month, WaitingRow
from domain.errors import N_
from domain.forecast import ENOUGH, Outlook
from domain.model import Party
from domain.waiting import Owner

router = APIRouter(include_in_schema=False)

OWNERS = {
    Owner.US: N_("Us"),
    Owner.PROVIDER: N_("Provider"),
    Owner.PARTNER: N_("Partner"),
    Owner.SYSTEM: N_("Racord"),
    Owner.HOLD: N_("On hold"),
}
OWNERS_AS_PROVIDER = {**OWNERS, Owner.US: N_("Account manager"), Owner.PROVIDER: N_("You")}


@dataclass(frozen=True)
class Share:
    """One party's part of a bar. ``begin`` and ``width`` are in per cent of it."""

    owner: str
    label: str
    hours: str
    begin: float
    width: float


@dataclass(frozen=True)
class Line:
    """A row of a table: a name, its bar, and the whole."""

    name: str
    shares: Sequence[Share]
    whole: str


@dataclass(frozen=True)
class Outlooks:
    """A forecast with its days in words."""

    outlook: str
    comparable: int
    enough: int
    early: str
    middle: str
    late: str


@dataclass(frozen=True)
class TimeSpent:
    """What the panel on an onboarding's page shows."""

    line: Line
    time_zone: str
    outlook: Outlooks | None


async def spent(session: AsyncSession, found: Found, reader: Reader, now: datetime) -> TimeSpent:
    """Whose the time of an onboarding was, and when it may be live."""
    one = await api.one_waited(session, found.row.id)
    ledger = api.ledger(one, now)
    said = await api.foretold(session, found, one, now) if found.progress.status.is_open else None
    return TimeSpent(line("", ledger, reader), ledger.time_zone, _outlook(said, reader) if said else None)


@router.get("/waiting")
async def sums(
    request: Request,
    context: Context,
    principal: Reading,
    partner: Annotated[str, Query(max_length=64)] = "",
    since: Annotated[Month | None, Query(alias="from")] = None,
    until: Month | None = None,
) -> Response:
    """Sums of the hours per partner and per month."""
    reader, now = reader_of(request), datetime.now(UTC)
    months = Months.named(since, until, now.date())
    async with context.database.transaction() as session:
        chosen = api.chosen_by(principal, partner, months)
        table = await api.summed(session, chosen, months, now)
    names = {book.slug: book.name for book in context.playbooks}
    return render(
        request,
        "waiting.html",
        by_partner=[
            line(names.get(row.partner or "", row.partner or ""), row, reader)
            for row in api.by_partner(table)
        ],
        by_month=[line(_month(row, reader), row, reader) for row in api.by_months(table)],
        owners=owners(reader),
        partners=names,
        partner=partner,
        first=f"{months.first:%Y-%m}",
        last=f"{months.last:%Y-%m}",
    )


def owners(reader: Reader) -> dict[Owner, str]:
    """Whose hours can be, in the reader's words."""
    table = OWNERS_AS_PROVIDER if reader.party is Party.PROVIDER else OWNERS
    return {owner: say(reader.language, name) for owner, name in table.items()}


def line(name: str, hours: Hours, reader: Reader) -> Line:
    shares, begin = [], 0.0
    for owner, label in owners(reader).items():
        part = getattr(hours.by_party, owner)
        width = round(100 * part / hours.whole_hours, 2) if hours.whole_hours else 0.0
        shares.append(Share(owner, label, _number(part, reader), round(begin, 2), width))
        begin += width
    return Line(name, shares, _number(hours.whole_hours, reader))


def _outlook(said: ForecastView, reader: Reader) -> Outlooks | None:
    if said.outlook is Outlook.ENDED:
        return None
    early, middle, late = (
        format_day(day, reader.language) if day else "" for day in (said.early, said.middle, said.late)
    )
    return Outlooks(said.outlook, said.comparable, ENOUGH, early, middle, late)


def _number(hours: float, reader: Reader) -> str:
    return format_decimal(hours, "#,##0.0", locale=reader.language)


def _month(row: WaitingRow, reader: Reader) -> str:
    day = date.fromisoformat(f"{row.month}-01")
    return format_date(day, "LLLL yyyy", locale=reader.language)
