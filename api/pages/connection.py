"""One live connection: how it stands, what waits, what differs at the partner, what went out, what can be done (R14–R17)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from adapters.database.tables import IdempotencyRow
from api.access import Principal
from api.access import Reader as Reading
from api.context import AppContext, Context, Language
from api.pages import connection_history, connection_offers
from api.pages.acting import CLOSING, Sent, attempt, not_offered
from api.pages.calls import Answered
from api.pages.connection_rows import ServiceRow, meaning, notice_standing, price_of, proof, standing_of
from api.pages.offers import Attempted
from api.pages.reader import reader_of
from api.pages.rendering import render
from api.paging import Cursor
from api.problems import problem_of
from api.routes import connection_notices
from api.routes import connections as api
from api.routes.connection_notices import NoticeId
from api.schemas.connections import ConnectionView
from api.steered_connection import ConnectionId

router = APIRouter(include_in_schema=False)
FIRST, DRIFTING, ROWS, LINES = 6, 15, 25, 200
HERE = "/connections/{connection_id}"
Text = Annotated[str, Query(max_length=100)]


@router.get(HERE)
async def show(
    connection_id: ConnectionId, request: Request, context: Context, principal: Reading, said: Text = ""
) -> Response:
    """The whole connection on one page, of its lists the first lines."""
    view = await api.one(connection_id, context, principal)
    return await _page(request, context, principal, view, said=said)


@router.post(f"{HERE}/act", dependencies=[CLOSING])
async def act(
    connection_id: ConnectionId, request: Request, context: Context, language: Language, principal: Reading
) -> Response:
    """Does what one of the page's forms asks for, or shows what it would lead to."""
    view = await api.one(connection_id, context, principal)
    sent = await Sent.by(request)
    action = await connection_offers.offered(context, principal, view, sent.step, sent.name)
    if action is None:
        if await _was_carried_out(context, principal, view, sent):
            return _back(connection_id)
        refusal = problem_of(not_offered(reader_of(request).action(sent.name, "connection")), language)
        refused = Attempted(sent.step, sent.name, {}, refusal)
    else:
        came = await attempt(request, context, sent, action)
        if isinstance(came, Answered):
            return _back(connection_id)
        refused = came
    view = await api.one(connection_id, context, principal)
    return await _page(request, context, principal, view, attempted=refused)


async def _page(
    request: Request,
    context: AppContext,
    principal: Principal,
    view: ConnectionView,
    *,
    said: str = "",
    attempted: Attempted | None = None,
) -> Response:
    reader, problem = reader_of(request), attempted.problem if attempted else None
    waiting = await connection_offers.open_notices(context, principal, view.id)
    notices = [connection_offers.of_notice(one, reader, attempted) for one in waiting]
    steering = connection_offers.steering(view, principal, reader, attempted)
    drift = await api.services(view.id, context, principal, drift=True, limit=DRIFTING)
    events = await api.events(view.id, context, principal, limit=FIRST)
    async with context.database.transaction() as session:
        names = await connection_history.names_in(session, events.items)
    offers = [*steering, *(one for notice in notices for one in notice.offers)]
    return render(
        request,
        "connection.html",
        status=problem.status if problem else 200,
        **_about(context, view),
        meaning=meaning(view, reader.language),
        proof=proof(view, reader),
        open_notices=notices,
        steering=steering,
        drift=[ServiceRow.of(one, reader.language) for one in drift.items],
        deliveries=await api.sent(view.id, context, principal, limit=FIRST),
        notices=await connection_notices.listing(view.id, context, principal, limit=FIRST),
        events=connection_history.lines(events.items, names, reader.language),
        has_more_events=events.next_cursor is not None,
        said=said == "done",
        problem=problem,
        is_shown_at_form=any(offer.problem for offer in offers),
    )


def _about(context: AppContext, view: ConnectionView) -> dict[str, Any]:
    """What every page about a connection is given."""
    playbook = context.playbooks.get(view.partner) if view.partner in context.playbooks else None
    return {
        "view": view,
        "desk": playbook.contacts[playbook.notices_to] if playbook else None,
        "href": f"/connections/{view.id}",
        "channel": f"/providers/{view.provider.id}/channels/{view.partner}/readiness",
        "standing_of": standing_of,
        "notice_standing": notice_standing,
        "price_of": price_of,
    }


@router.get(f"{HERE}/services")
async def services(
    connection_id: ConnectionId,
    request: Request,
    context: Context,
    principal: Reading,
    drift: Text = "",
    q: Text = "",
    cursor: Cursor = None,
) -> Response:
    """Each service on both sides, by code."""
    view, only = await api.one(connection_id, context, principal), drift == "yes"
    words = q.replace("\0", "").strip()
    found = await api.services(
        connection_id, context, principal, drift=only or None, q=words or None, limit=ROWS, cursor=cursor
    )
    rows = [ServiceRow.of(one, reader_of(request).language) for one in found.items]
    kept = {"drift": "yes" if only else "", "q": words}
    return _list(request, context, view, "services", rows, cursor, found.next_cursor, kept)


@router.get(f"{HERE}/deliveries")
async def deliveries(
    connection_id: ConnectionId, request: Request, context: Context, principal: Reading, cursor: Cursor = None
) -> Response:
    """What went to the partner's system, newest first."""
    view = await api.one(connection_id, context, principal)
    found = await api.sent(connection_id, context, principal, limit=ROWS, cursor=cursor)
    return _list(request, context, view, "deliveries", found.items, cursor, found.next_cursor)


@router.get(f"{HERE}/notices")
async def notices(
    connection_id: ConnectionId, request: Request, context: Context, principal: Reading, cursor: Cursor = None
) -> Response:
    """What the partner was told by e-mail, newest first."""
    view = await api.one(connection_id, context, principal)
    found = await connection_notices.listing(connection_id, context, principal, limit=ROWS, cursor=cursor)
    return _list(request, context, view, "notices", found.items, cursor, found.next_cursor)


@router.get(f"{HERE}/history")
async def history(
    connection_id: ConnectionId, request: Request, context: Context, principal: Reading, cursor: Cursor = None
) -> Response:
    """Everything that happened, newest first."""
    view = await api.one(connection_id, context, principal)
    found = await api.events(connection_id, context, principal, limit=ROWS, cursor=cursor)
    async with context.database.transaction() as session:
        names = await connection_history.names_in(session, found.items)
    rows = connection_history.lines(found.items, names, reader_of(request).language)
    return _list(request, context, view, "history", rows, cursor, found.next_cursor)


@router.get(f"{HERE}/notices/{{notice_id}}")
async def notice(
    connection_id: ConnectionId, notice_id: NoticeId, request: Request, context: Context, principal: Reading
) -> Response:
    """One notice with its first lines, and what can be done about it."""
    view = await api.one(connection_id, context, principal)
    found = await connection_notices.one(connection_id, notice_id, context, principal)
    waits = connection_offers.of_notice(found, reader_of(request), None)
    lines = found.lines[:LINES]
    return render(request, "connection_notice.html", **_about(context, view), waits=waits, lines=lines)


def _list(
    request: Request,
    context: AppContext,
    view: ConnectionView,
    part: str,
    rows: Any,
    cursor: str | None,
    next_cursor: str | None,
    kept: dict[str, str] | None = None,
) -> Response:
    return render(
        request,
        "connection_list.html",
        **_about(context, view),
        part=part,
        rows=rows,
        is_first=cursor is None,
        next_cursor=next_cursor,
        kept=kept or {},
    )


async def _was_carried_out(
    context: AppContext, principal: Principal, view: ConnectionView, sent: Sent
) -> bool:
    """Whether it was this very form that moved things on: a double click, or a page sent again."""
    if sent.name == connection_offers.END:
        return view.status in ("ending", "ended")
    async with context.database.transaction() as session:
        return await session.get(IdempotencyRow, (principal.id, sent.once[:200])) is not None


def _back(connection_id: str) -> Response:
    return RedirectResponse(f"/connections/{connection_id}?said=done#main", 303)
