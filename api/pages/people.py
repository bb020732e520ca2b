"""The people on our side: who there is, who leads whom, who stands in for whom. Acting is a call of the API."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select

from adapters.database import people
from adapters.database.assignments import OPEN
from adapters.database.tables import OnboardingRow
from adapters.i18n import format_day
from api import people_view
from api.access import Principal
from api.context import AppContext, Context, Language
from api.pages import people_offers
from api.pages.acting import Sent, attempt, not_offered
from api.pages.calls import Answered
from api.pages.offers import Attempted, offer
from api.pages.people_offers import KIND, REMOVE
from api.pages.reader import reader_of
from api.pages.rendering import render
from api.paging import Cursor
from api.problems import problem_of
from api.routes import people as api
from api.routes.people import ManagerId, PeopleManager
from api.schemas.onboardings import ActionView
from api.schemas.people import AccountManagerView, SubstitutionView

router = APIRouter(include_in_schema=False)
LIST = "/account-managers"
HERE = f"{LIST}/{{account_manager_id}}"
ROWS = 50
Text = Annotated[str, Query(max_length=20)]


@router.get(LIST)
async def listing(
    request: Request,
    context: Context,
    principal: PeopleManager,
    retired: Text = "",
    cursor: Cursor = None,
) -> Response:
    """By name, a page at a time; with those who have gone where that is asked for."""
    return await _list(request, context, principal, with_retired=retired == "yes", cursor=cursor)


@router.post(f"{LIST}/act")
async def add(request: Request, context: Context, principal: PeopleManager) -> Response:
    """Adds somebody, and goes to their page."""
    sent = await Sent.by(request)
    async with context.database.transaction() as session:
        action = await people_offers.adding(session)
    came = await attempt(request, context, sent, action)
    if isinstance(came, Answered):
        return _back(str(came.body["id"]))
    return await _list(request, context, principal, attempted=came)


async def _list(
    request: Request,
    context: AppContext,
    principal: Principal,
    *,
    with_retired: bool = False,
    cursor: str | None = None,
    attempted: Attempted | None = None,
) -> Response:
    found = await api.listing(context, principal, with_retired, ROWS, cursor)
    unassigned = select(func.count()).where(
        OnboardingRow.assignee_id.is_(None), OnboardingRow.status.in_(OPEN)
    )
    async with context.database.transaction() as session:
        nobodys = await session.scalar(unassigned)
        action = await people_offers.adding(session)
    first = f"{LIST}?retired=yes" if with_retired else f"{LIST}?"
    return render(
        request,
        "people.html",
        status=attempted.problem.status if attempted and attempted.problem else 200,
        people=found.items,
        unassigned=nobodys,
        with_retired=with_retired,
        adding=offer("", KIND, action, reader_of(request), attempted, is_open=not found.items),
        is_first=cursor is None,
        first_href=first.rstrip("?"),
        next_href=f"{first}&cursor={found.next_cursor}" if found.next_cursor else None,
    )


@router.get(HERE)
async def show(
    account_manager_id: ManagerId,
    request: Request,
    context: Context,
    principal: PeopleManager,
    said: Text = "",
) -> Response:
    """One account manager, with everything that can be done."""
    return await _person(request, context, account_manager_id, said=said)


@router.post(f"{HERE}/act")
async def act(
    account_manager_id: ManagerId,
    request: Request,
    context: Context,
    language: Language,
    principal: PeopleManager,
) -> Response:
    """Does what one of the page's forms asks for."""
    sent = await Sent.by(request)
    view, away, actions = await _read(context, account_manager_id)
    if action := _offered(view, away, actions, sent):
        came = await attempt(request, context, sent, action)
        if isinstance(came, Answered):
            return _back(account_manager_id)
        refused = came
    elif sent.name == REMOVE:
        return _back(account_manager_id)  # it is gone already: a double click
    else:
        refusal = problem_of(not_offered(reader_of(request).action(sent.name, KIND)), language)
        refused = Attempted(sent.step, sent.name, {}, refusal)
    return await _person(request, context, account_manager_id, attempted=refused)


def _offered(
    view: AccountManagerView, away: list[SubstitutionView], actions: list[ActionView], sent: Sent
) -> ActionView | None:
    if sent.name == REMOVE:
        standing = {one.id for one in away if one.ended_at is None}
        known = view.retired_at is None and sent.step in standing
        return people_offers.removing(view.id, sent.step) if known else None
    return next((action for action in actions if action.name == sent.name), None)


async def _read(
    context: AppContext, person_id: str
) -> tuple[AccountManagerView, list[SubstitutionView], list[ActionView]]:
    async with context.database.transaction() as session:
        view = await people_view.one(session, await people.one(session, person_id))
        away = await people_view.substitutes(session, person_id)
        return view, away, await people_offers.of_person(session, view)


async def _person(
    request: Request,
    context: AppContext,
    person_id: str,
    *,
    said: str = "",
    attempted: Attempted | None = None,
) -> Response:
    reader, problem = reader_of(request), attempted.problem if attempted else None
    view, away, actions = await _read(context, person_id)
    offers = people_offers.forms(view, actions, reader, attempted)
    shown = people_offers.aways(view, away, reader, attempted)
    at_form = [*offers.values(), *(one.offer for one in shown if one.offer)]
    return render(
        request,
        "person.html",
        status=problem.status if problem else 200,
        view=view,
        away=shown,
        offers=offers,
        day=lambda at: format_day(at, reader.language),
        said=said == "done",
        problem=problem,
        is_shown_at_form=any(one.problem for one in at_form),
    )


def _back(person_id: str) -> Response:
    return RedirectResponse(f"{LIST}/{person_id}?said=done#main", 303)
