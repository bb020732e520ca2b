"""The onboardings: what is stuck, on whom, since when. A table on the desk, cards on the phone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import onboardings, people
from adapters.database.onboardings import NOBODY, Filter, Found
from adapters.database.tables import OnboardingRow, Provider
from api import onboarding_view
from api.access import Principal
from api.access import Reader as Reading
from api.context import Context, Language
from api.pages.rendering import render
from api.paging import Cursor, cursor_of, read_cursor
from api.requirements import each_as_it_stands
from api.schemas.onboardings import OnboardingBrief

router = APIRouter(include_in_schema=False)
ROWS = 25
STATUSES = ("in_progress", "on_hold", "live", "cancelled", "failed")
PARTIES = ("us", "provider", "partner", "system")
Facet = Literal["status", "partner", "waiting_on", "assignee"]
FACETS: tuple[Facet, ...] = ("status", "partner", "waiting_on", "assignee")
Counted = Sequence[tuple[str, str, str | None, str | None, int]]
COUNTED = (
    OnboardingRow.status,
    OnboardingRow.partner,
    OnboardingRow.waiting_on,
    OnboardingRow.assignee_id,
)
Text = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True)
class Row:
    """An onboarding in the list, its names in the reader's language."""

    brief: OnboardingBrief
    partner_name: str
    step_title: str | None

    @classmethod
    def of(cls, found: Found, language: str) -> "Row":
        brief = onboarding_view.brief(found)
        title = found.case.step(brief.waiting_step).title.in_(language) if brief.waiting_step else None
        return cls(brief, found.case.playbook.name, title)


@dataclass(frozen=True)
class Chosen:
    """What the reader filters by; an empty string is no filter."""

    status: str = ""
    partner: str = ""
    waiting_on: str = ""
    assignee: str = ""
    q: str = ""

    @property
    def any(self) -> bool:
        return any(vars(self).values())

    def filter(self, principal: Principal) -> Filter:
        return Filter(
            self.status or None,
            self.partner or None,
            self.waiting_on or None,
            self.q or None,
            principal.provider_id,
            self.assignee or None,
        )

    def query(self, **other: str) -> str:
        """The page's address with these filters, some of them other."""
        chosen = {name: value for name, value in {**vars(self), **other}.items() if value}
        return f"/?{urlencode(chosen)}" if chosen else "/"


@router.get("/")
async def listing(
    request: Request,
    context: Context,
    language: Language,
    principal: Reading,
    status: Text = "",
    partner: Text = "",
    waiting_on: Text = "",
    assignee: Text = "",
    q: Text = "",
    cursor: Cursor = None,
) -> Response:
    """Newest first, filtered, a page at a time."""
    chosen = Chosen(
        status if status in STATUSES else "",
        partner,
        waiting_on if waiting_on in PARTIES else "",
        assignee.replace("\0", "").strip(),
        q.replace("\0", "").strip(),
    )
    after: tuple[datetime, str] | None = read_cursor(cursor, datetime, str)
    async with context.database.transaction() as session:
        found = await onboardings.listed(session, chosen.filter(principal), limit=ROWS + 1, after=after)
        shown = await each_as_it_stands(session, context, found[:ROWS], datetime.now(UTC))
        counted = await _counted(session, chosen, principal)
        assignees = await _assignees(session, counted)
    more = found[ROWS - 1].row if len(found) > ROWS else None
    return render(
        request,
        "onboardings.html",
        rows=[Row.of(one, language) for one in shown],
        chosen=chosen,
        counts={facet: _counts(counted, chosen, facet) for facet in FACETS},
        partners=_partner_names(context.playbooks, counted),
        assignees=assignees,
        is_first=cursor is None,
        next_href=_with_cursor(chosen, cursor_of(more.created_at, more.id)) if more else None,
        has_any=bool(counted) or chosen.any,
    )


def _with_cursor(chosen: Chosen, cursor: str) -> str:
    return chosen.query(cursor=cursor)


def _partner_names(playbooks: Iterable[object], counted: Counted) -> dict[str, str]:
    known = {str(getattr(one, "slug", "")): str(getattr(one, "name", "")) for one in playbooks}
    return {**{slug: slug for _, slug, _, _, _ in counted}, **known}


async def _assignees(session: AsyncSession, counted: Counted) -> dict[str, str]:
    """Whoever is at work, and whoever has any of the onboardings, by name."""
    assigned = {assignee for _, _, _, assignee, _ in counted}
    return {
        row.id: row.name
        for row in await people.listed(session, with_retired=True)
        if row.retired_at is None or row.id in assigned
    }


async def _counted(session: AsyncSession, chosen: Chosen, principal: Principal) -> Counted:
    """How many there are of each status, partner, party and account manager, among those that the words found."""
    ask = (
        select(*COUNTED, func.count())
        .join(Provider, Provider.id == OnboardingRow.provider_id)
        .group_by(*COUNTED)
    )
    if principal.provider_id:
        ask = ask.where(OnboardingRow.provider_id == principal.provider_id)
    if chosen.q:
        named = Provider.name.icontains(chosen.q, autoescape=True)
        ask = ask.where(or_(named, OnboardingRow.id == chosen.q, OnboardingRow.partner == chosen.q))
    return (await session.execute(ask)).all()


def _counts(counted: Counted, chosen: Chosen, facet: Facet) -> Mapping[str, int]:
    """What each choice of a filter would show, the other filters being as they are; under ``""`` all of them."""
    found: dict[str, int] = {"": 0}
    for status, partner, waiting_on, assignee, count in counted:
        row = {
            "status": status,
            "partner": partner,
            "waiting_on": waiting_on or "",
            "assignee": assignee or NOBODY,
        }
        if all(getattr(chosen, name) in ("", row[name]) for name in FACETS if name != facet):
            found[""] += count
            found[row[facet]] = found.get(row[facet], 0) + (count if row[facet] else 0)
    return found
