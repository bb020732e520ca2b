"""The inbox as the API and the pages show it: filters, saved views, items (R12, R21)."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import task_views
from adapters.database import tasks as store
from adapters.database.inbox_tables import TaskViewRow
from adapters.database.onboardings import Found
from adapters.database.tasks import Chosen, Waits
from adapters.i18n import say
from api import onboarding_view as view
from api.access import Policy, Principal, Role, not_found
from api.context import AppContext
from api.ending import MAY_NOT_KNOW, ending_said
from api.paging import cursor_of, read_cursor
from api.requirements import each_as_it_stands
from api.schemas.onboardings import NextView
from api.schemas.tasks import SavedView, TaskConnection, TaskFilters, TaskPage, TaskQuery, TaskView
from api.step_clock import age, next_thing
from domain import progress as engine
from domain.errors import N_, Invalid
from domain.ladder import ACCOUNT_MANAGER
from domain.model import Party

STEER = Policy.STEER_ONBOARDING
ON_HOLD = N_("The onboarding is on hold")
# What waits on a connection; the keys are stable.
ON_CONNECTIONS = {
    "notice": N_("The partner acknowledges what it was told"),
    "notice_returned": N_("A notice came back: settle it and send it again"),
    "notice_unsent": N_("A notice could not be sent yet"),
    "rejected": N_("The partner's system rejected services"),
    "delivery": N_("The partner's system does not take the changes"),
    "paused": N_("The connection is paused"),
    "ending": MAY_NOT_KNOW,
    "farewell": N_("Not everybody could be told of the end"),
}


@dataclass(frozen=True)
class Looking:
    """Who looks, at what time, in which language."""

    principal: Principal
    language: str
    now: datetime

    @property
    def sees_shared(self) -> bool:
        return self.principal.role is Role.MANAGER


async def page(session: AsyncSession, context: AppContext, looking: Looking, query: TaskQuery) -> TaskPage:
    """A page of the inbox; raises NotFound for a view that is not there for this reader."""
    filters = await applied(session, looking, query)
    order = filters.sort or "since"
    rows = await store.waiting(
        session,
        chosen(looking, filters),
        limit=query.limit + 1,
        after=after(query.cursor, order),
        now=looking.now,
    )
    last = rows[query.limit - 1][0] if len(rows) > query.limit else None
    waiting, found = [waits for waits, _ in rows[: query.limit]], [one for _, one in rows[: query.limit]]
    stand = await each_as_it_stands(session, context, found, looking.now)
    return TaskPage(
        items=[item(looking, waits, one) for waits, one in zip(waiting, stand, strict=True)],
        next_cursor=cursor_of(order, last.place, last.onboarding_id, last.key) if last else None,
    )


def after(cursor: str | None, order: str) -> tuple[datetime, str, str] | None:
    """The place that a cursor names; Invalid where it is of another order."""
    key = read_cursor(cursor, str, datetime, str, str)
    if key is None:
        return None
    if key[0] != order:
        raise Invalid(
            "The cursor is of a list in another order.", mend="Begin anew, without a cursor.", order=order
        )
    return key[1], key[2], key[3]


async def applied(session: AsyncSession, looking: Looking, query: TaskQuery) -> TaskFilters:
    """The filters that count: those of the saved view, and over them what the query itself says."""
    said = query.model_dump(exclude_none=True, include=set(TaskFilters.model_fields))
    if query.view is not None:
        said = {**(await saved(session, looking, query.view)).filters, **said}
    return TaskFilters.model_validate(said)


def chosen(looking: Looking, filters: TaskFilters) -> Chosen:
    said = filters.model_dump(exclude={"sort", "due_before", "q"})
    day = filters.due_before
    return Chosen(
        **said,
        own=looking.principal.provider_id,
        due_before=datetime.combine(day, time(), UTC) if day else None,
        q=filters.q.replace("\0", "") if filters.q else None,
        by_due=filters.sort == "due",
    )


def item(looking: Looking, waits: Waits, found: Found) -> TaskView:
    return TaskView(
        kind=waits.kind,
        onboarding=view.brief(found),
        connection=_connection(waits),
        step=waits.key,
        title=title_of(waits, found, looking.language),
        text=_text(waits, found),
        state=waits.state,
        waiting_on=waits.waiting_on,
        since=waits.since,
        due_at=waits.due_at,
        age_working_days=_age(waits, found, looking.now),
        is_overdue=waits.due_at is not None and waits.due_at < looking.now,
        next=_next(waits, found, looking.now),
        assignee=view.person(found.assignee),
        acting=view.person(found.acting),
        attempt=waits.attempt,
        href=_href(waits),
    )


def title_of(waits: Waits, found: Found, language: str) -> str:
    """What is to be done, in the reader's language."""
    if waits.kind == "step":
        return found.case.step(waits.key).title.in_(language)
    if waits.key == "ending" and waits.kind == "connection":
        return ending_said(language, waits.comparison)
    return say(language, ON_HOLD if waits.kind == "hold" else ON_CONNECTIONS[waits.key])


def _text(waits: Waits, found: Found) -> str | None:
    if waits.kind == "hold":
        return found.progress.reason
    return found.progress.steps[waits.key].blocker if waits.kind == "step" else None


def _age(waits: Waits, found: Found, now: datetime) -> int:
    held = found.progress.steps[waits.key].held_days if waits.kind == "step" else 0
    return age(found.case, Party(waits.waiting_on), waits.since, now, held_days=held)


def _next(waits: Waits, found: Found, now: datetime) -> NextView | None:
    if waits.kind == "step":
        return next_thing(found, found.progress.steps[waits.key])
    ends = engine.next_moment(found.case, found.progress, now) if waits.kind == "hold" else None
    return NextView(at=ends, what="ask", to=ACCOUNT_MANAGER) if ends else None


def _connection(waits: Waits) -> TaskConnection | None:
    if waits.connection_id is None:
        return None
    return TaskConnection(id=waits.connection_id, status=waits.status, count=waits.count)


def _href(waits: Waits) -> str:
    if waits.connection_id is None:
        return f"{view.BASE}/onboardings/{waits.onboarding_id}"
    return f"{view.BASE}/connections/{waits.connection_id}"


async def saved(session: AsyncSession, looking: Looking, view_id: str) -> TaskViewRow:
    """The saved view, or NotFound where this reader may not see it."""
    owner = looking.principal.owner
    found = await task_views.one(session, view_id, owner, with_shared=looking.sees_shared)
    if found is None:
        raise not_found("view", view_id)
    return found


async def all_saved(session: AsyncSession, looking: Looking) -> list[SavedView]:
    owner = looking.principal.owner
    rows = await task_views.listed(session, owner, with_shared=looking.sees_shared)
    return [shown(looking, row) for row in rows]


def shown(looking: Looking, row: TaskViewRow) -> SavedView:
    return SavedView(
        **{name: getattr(row, name) for name in ("id", "name", "is_shared", "created_by", "created_at")},
        filters=TaskFilters.model_validate(row.filters),
        is_mine=row.owner == looking.principal.owner,
        href=f"{view.BASE}/tasks?view={row.id}",
    )


def kept(filters: TaskFilters) -> dict[str, Any]:
    """As a view keeps them."""
    return filters.model_dump(mode="json", exclude_none=True)
