"""The live connections: how each stands, what differs at the partner, who is waited on. A table at the desk, cards on the phone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, select

from adapters.database.connection_tables import ConnectionServiceRow, NoticeRow
from adapters.playbooks import Playbooks
from api.access import Reader as Reading
from api.context import AppContext, Context
from api.pages.rendering import render
from api.paging import Cursor
from api.routes import connections as api
from api.schemas.connections import ConnectionBrief, ConnectionState
from domain.connection import NoticeState

router = APIRouter(include_in_schema=False)
ROWS = 25
STATUSES: tuple[ConnectionState, ...] = get_args(ConnectionState)
DRIFT = {"yes": True, "no": False}
Text = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True)
class Chosen:
    """What the reader filters by; an empty string is no filter."""

    status: ConnectionState | None = None
    partner: str = ""
    drift: str = ""
    q: str = ""

    @property
    def any(self) -> bool:
        return any(vars(self).values())

    def query(self, **other: str) -> str:
        """The page's address with these filters, some of them other."""
        chosen = {name: value for name, value in {**vars(self), **other}.items() if value}
        return f"/connections?{urlencode(chosen)}" if chosen else "/connections"


@dataclass(frozen=True)
class Row:
    """A connection in the list; ``waiting_since`` where somebody is waited on."""

    brief: ConnectionBrief
    partner_name: str
    waiting_since: datetime | None


@router.get("/connections")
async def listing(
    request: Request,
    context: Context,
    principal: Reading,
    status: Text = "",
    partner: Text = "",
    drift: Text = "",
    q: Text = "",
    cursor: Cursor = None,
) -> Response:
    """Those begun last first, filtered, a page at a time."""
    chosen = Chosen(
        next((one for one in STATUSES if one == status), None),
        partner.replace("\0", "")[:64],
        drift if drift in DRIFT else "",
        q.replace("\0", "").strip(),
    )
    found = await api.listing(
        context,
        principal,
        partner=chosen.partner or None,
        status=chosen.status,
        drift=DRIFT.get(chosen.drift),
        q=chosen.q or None,
        limit=ROWS,
        cursor=cursor,
    )
    asked = await _asked_since(context, [one.id for one in found.items])
    return render(
        request,
        "connections.html",
        rows=[
            Row(one, _name(context.playbooks, one.partner), _waiting_since(one, asked.get(one.id, {})))
            for one in found.items
        ],
        chosen=chosen,
        statuses=STATUSES,
        partners={one.slug: one.name for one in context.playbooks},
        is_first=cursor is None,
        next_href=chosen.query(cursor=found.next_cursor) if found.next_cursor else None,
    )


def _name(playbooks: Playbooks, slug: str) -> str:
    return playbooks.get(slug).name if slug in playbooks else slug


def _waiting_since(brief: ConnectionBrief, asked: Mapping[str, datetime]) -> datetime | None:
    """Since when whoever is waited on has had it: the oldest of what waits on that party."""
    if brief.waiting_on is None:
        return None
    if brief.status in ("paused", "ending"):
        return brief.since
    known = [asked[brief.waiting_on]] if brief.waiting_on in asked else []
    if brief.delivery and brief.waiting_on != "us":
        known.append(brief.delivery.created_at)
    return min(known, default=None)


async def _asked_since(context: AppContext, ids: Sequence[str]) -> Mapping[str, dict[str, datetime]]:
    """By connection and party: since when the partner owes an answer to a notice, and we to what it turned down."""
    notice, service = NoticeRow, ConnectionServiceRow
    is_with_them = notice.state == NoticeState.SENT
    is_with_us = (notice.state == NoticeState.REJECTED) | notice.trouble.is_not(None)
    told = func.min(func.coalesce(notice.sent_at, notice.created_at))
    notices = (
        select(notice.connection_id, told.filter(is_with_them), told.filter(is_with_us))
        .where(notice.connection_id.in_(ids))
        .where(notice.state.in_([state for state in NoticeState if state.is_open]))
        .group_by(notice.connection_id)
    )
    refused = (
        select(service.connection_id, func.min(service.rejection["at"].astext))
        .where(service.connection_id.in_(ids), service.rejection.is_not(None))
        .group_by(service.connection_id)
    )
    since: dict[str, dict[str, datetime]] = {}
    async with context.database.transaction() as session:
        for id, theirs, ours in await session.execute(notices):
            since[id] = {p: at for p, at in (("partner", theirs), ("us", ours)) if at}
        for id, said in await session.execute(refused):
            mine, at = since.setdefault(id, {}), datetime.fromisoformat(said)
            mine["us"] = min(at, mine.get("us", at))
    return since
