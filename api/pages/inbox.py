"""The inbox: what waits on somebody, longest first or by due date; saved views of it; and a box to choose many at once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from adapters.database import people
from adapters.database import tasks as store
from adapters.database.tasks import Waits
from api import task_items
from api.access import Principal
from api.access import Reader as Reading
from api.context import AppContext, Context, Language
from api.pages.calls import ONCE_FIELD, call_api
from api.pages.coming import coming
from api.pages.listing import PARTIES, ROWS, STATUSES
from api.pages.reader import reader_of
from api.pages.rendering import render
from api.paging import cursor_of
from api.problems import Problem
from api.schemas.tasks import TaskFilters, TaskQuery, TaskView
from api.task_items import Looking
from domain.errors import N_

router = APIRouter(include_in_schema=False)
KINDS = {"step": N_("Steps"), "connection": N_("Connections"), "hold": N_("On hold")}
VIEWS = "/api/v1/task-views"
VIEW_FIELDS = ("name", "is_shared", ONCE_FIELD)


@router.get("/tasks")
async def tasks(request: Request, context: Context, language: Language, principal: Reading) -> Response:
    """What is to be done, by whom, and where to do it."""
    query = TaskQuery.model_validate({**_said(request.query_params), "limit": ROWS})
    return await _page(request, context, Looking(principal, language, datetime.now(UTC)), query)


@router.post("/tasks/views")
async def save_view(request: Request, context: Context, language: Language, principal: Reading) -> Response:
    """Keeps the filters that the page shows."""
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    filters = TaskFilters.model_validate(_said(form, TaskFilters))
    body = {
        "name": form.get("name", ""),
        "is_shared": bool(form.get("is_shared")),
        "filters": task_items.kept(filters),
    }
    answer = await call_api(request, "POST", VIEWS, body, once=form.get(ONCE_FIELD, ""))
    if answer.problem is None:
        return RedirectResponse(f"/tasks?view={answer.body['id']}", 303)
    query = TaskQuery(**filters.model_dump(), limit=ROWS)
    looking = Looking(principal, language, datetime.now(UTC))
    return await _page(request, context, looking, query, problem=answer.problem, typed=form)


@router.post("/tasks/views/{view_id}/delete")
async def delete_view(
    view_id: str, request: Request, context: Context, language: Language, principal: Reading
) -> Response:
    """Takes a view away; gone already is gone."""
    answer = await call_api(request, "DELETE", f"{VIEWS}/{view_id}", {}, once="")
    if answer.problem is None or answer.status == 404:
        return RedirectResponse("/tasks", 303)
    looking = Looking(principal, language, datetime.now(UTC))
    return await _page(request, context, looking, TaskQuery(limit=ROWS), problem=answer.problem)


def _said(given: Mapping[str, str], model: type[TaskFilters] = TaskQuery) -> dict[str, str]:
    """What can be read of an address or form; a page that somebody keeps an old address of still opens."""
    said = {name: value for name, value in given.items() if name in model.model_fields and value.strip()}
    try:
        model.model_validate(said)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors()}
        return {name: value for name, value in said.items() if name not in wrong}
    return said


async def _page(
    request: Request,
    context: AppContext,
    looking: Looking,
    query: TaskQuery,
    *,
    problem: Problem | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    reader = reader_of(request)
    async with context.database.transaction() as session:
        filters = await task_items.applied(session, looking, query)
        chosen = task_items.chosen(looking, filters)
        order = filters.sort or "since"
        found = await store.waiting(
            session,
            chosen,
            limit=ROWS + 1,
            after=task_items.after(query.cursor, order),
            now=looking.now,
        )
        counts = await store.counted(session, chosen, now=looking.now)
        saved = await task_items.all_saved(session, looking)
        staff = await people.listed(session, with_retired=True) if _steers(looking.principal) else []
    rows = []
    for waits, one in found[:ROWS]:
        shown = task_items.item(looking, waits, one)
        comes = coming(shown.next, one.case, reader) if shown.next else None
        rows.append(_row(waits, shown, one.case.playbook.name, comes))
    last = found[ROWS - 1][0] if len(found) > ROWS else None
    return render(
        request,
        "tasks.html",
        status=problem.status if problem else 200,
        tasks=rows,
        query=Address(query, filters),
        counts={"": sum(counts.values()), **counts},
        parties=PARTIES,
        statuses=STATUSES,
        kinds={kind: reader.said(words) for kind, words in KINDS.items()},
        partners={one.slug: one.name for one in context.playbooks},
        staff=staff,
        saved=saved,
        view=next((one for one in saved if one.id == query.view), None),
        can_share=looking.sees_shared,
        is_first=query.cursor is None,
        next_cursor=cursor_of(order, last.place, last.onboarding_id, last.key) if last else None,
        problem=problem,
        typed=typed or {},
    )


def _steers(principal: Principal) -> bool:
    return principal.provider_id is None and principal.may(task_items.STEER)


class Address:
    """The address of the page with what it shows, some of it other. A view that was changed is no more that view."""

    def __init__(self, query: TaskQuery, filters: TaskFilters) -> None:
        self._view = query.view
        self.filters = filters.model_dump(mode="json")
        self.kept = task_items.kept(filters)

    def __call__(self, **other: str | None) -> str:
        if self._view and other.keys() <= {"cursor"}:
            said: dict[str, Any] = {"view": self._view, **other}
        else:
            said = {**self.kept, **other}
        kept = {name: str(value).lower() if value is True else value for name, value in said.items() if value}
        return f"/tasks?{urlencode(kept)}" if kept else "/tasks"


def _row(waits: Waits, shown: TaskView, partner: str, comes: Any) -> dict[str, Any]:
    is_connection = waits.connection_id is not None
    place = f"#step-{waits.key}" if waits.kind == "step" else ""
    return {
        "href": f"/connections/{waits.connection_id}"
        if is_connection
        else f"/onboardings/{waits.onboarding_id}{place}",
        "item": f"{waits.onboarding_id} {waits.key}",
        "shown": shown,
        "partner": partner,
        "count": waits.count,
        "coming": comes,
    }
