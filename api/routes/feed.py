"""The feed: what is bookable at a partner now, for that partner's own systems (R1)."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import feed as store
from adapters.database.availability import free_days
from adapters.database.feed import Entry, Hours
from adapters.database.tables import Provider
from api.access import Policy, Principal, allow
from api.connection_view import money
from api.context import AppContext, Context
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.schemas.catalogue import ID
from api.schemas.feed import FeedAvailability, FeedChanges, FeedItem, FeedOpening, FeedPage, FeedProvider
from domain.availability import Opening, next_openings, openings
from domain.connection import pushed
from domain.playbook import Sync

router = APIRouter(tags=["feed"])

OPENINGS = 5
Slug = Annotated[str, Path(max_length=64, description="the partner's own slug", examples=["generali"])]
FeedReader = Annotated[Principal, Depends(allow(Policy.READ_FEED))]


@router.get(
    "/feed/{slug}/services",
    response_model=FeedPage | FeedChanges,
    responses={304: {"description": "what `If-None-Match` names is what would be answered"}},
)
async def services(
    slug: Slug,
    context: Context,
    principal: FeedReader,
    since: Annotated[
        int | None,
        Query(ge=0, lt=2**63, description="only what changed after this position (`as_of`, `next_since`)"),
    ] = None,
    provider_id: Annotated[str | None, Query(pattern=ID, description="of this provider only")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
) -> Response:
    """Everything that is bookable, in pages; with `since` what changed, services that no longer are bookable too."""
    principal.must_reach_feed(slug)
    sync = context.playbooks.get(slug).sync
    if provider_id is not None:
        principal.must_reach(provider_id)
    only = provider_id or principal.provider_id
    now = datetime.now(UTC)
    await catch_up(context, slug, only, now)
    async with context.database.transaction() as session:
        if since is None:
            found = await _page(session, slug, only, limit, cursor, sync, now)
        else:
            found = await _changes(session, slug, only, limit, since, sync, now)
    return _answer(found, if_none_match)


async def catch_up(context: AppContext, slug: str, provider_id: str | None, now: datetime) -> None:
    """Writes down what is bookable now, of the connections of which something else may be written down.

    Each in a transaction of its own: writers of the catalogue are not held up for long.
    """
    async with context.database.transaction() as session:
        late = await store.behind(session, slug, provider_id, now)
    for connection_id in late:
        async with context.database.transaction() as session:
            await store.bring_up_to_date(session, connection_id, context.playbooks, now)


async def _page(
    session: AsyncSession,
    slug: str,
    provider_id: str | None,
    limit: int,
    cursor: str | None,
    sync: Sync,
    now: datetime,
) -> BaseModel:
    after = read_cursor(cursor, str, str, int)
    # Read before what it stands for: what changes in between is told again as a change.
    as_of: int = after[2] if after else await store.newest_position(session, slug)
    rows = await store.bookable(
        session, slug, provider_id, limit=limit + 1, after=after and (after[0], after[1])
    )
    shown = rows[:limit]
    following = cursor_of(shown[-1].connection_id, shown[-1].service_id, as_of) if len(rows) > limit else None
    return FeedPage(items=await _items(session, shown, sync, now), next_cursor=following, as_of=as_of)


async def _changes(
    session: AsyncSession,
    slug: str,
    provider_id: str | None,
    limit: int,
    since: int,
    sync: Sync,
    now: datetime,
) -> BaseModel:
    rows = await store.changes(session, slug, provider_id, since=since, limit=limit + 1)
    shown = rows[:limit]
    return FeedChanges(
        items=await _items(session, shown, sync, now),
        next_since=shown[-1].position if shown else since,
        more=len(rows) > limit,
    )


async def _items(
    session: AsyncSession, entries: Sequence[Entry], sync: Sync, now: datetime
) -> list[FeedItem]:
    providers = {entry.provider.id: entry.provider for entry in entries if entry.content is not None}
    kept = await store.calendars(session, sorted(providers))
    ahead = {id: _ahead(provider, kept[id], now) for id, provider in providers.items()}
    return [_item(entry, sync, ahead.get(entry.provider.id, []), now) for entry in entries]


Ahead = list[tuple[Hours, list[Opening]]]


def _ahead(provider: Provider, kept: list[Hours], now: datetime) -> Ahead:
    zone = provider.time_zone
    free = free_days(provider.country, zone, now)
    today = now.astimezone(ZoneInfo(zone)).date()
    return [(hours, list(openings(hours.calendar, zone, free, today))) for hours in kept]


def _item(entry: Entry, sync: Sync, ahead: Ahead, now: datetime) -> FeedItem:
    content = pushed(entry.content, sync) or {}
    bookable = entry.content is not None
    return FeedItem(
        provider=FeedProvider.model_validate(entry.provider, from_attributes=True),
        connection=entry.connection_id,
        id=entry.service_id,
        code=entry.code,
        name=entry.name,
        duration_minutes=content.get("duration_minutes"),
        price=money(content.get("price")),
        bookable=bookable,
        availability=_availability(entry, content["duration_minutes"], ahead, now) if bookable else None,
        changed_at=entry.changed_at,
    )


def _availability(entry: Entry, minutes: int, ahead: Ahead, now: datetime) -> FeedAvailability:
    own = [found for hours, found in ahead if entry.service_id in hours.service_ids]
    first = next_openings(own, timedelta(minutes=minutes), now, OPENINGS)
    return FeedAvailability(
        next_openings=[FeedOpening.model_validate(one, from_attributes=True) for one in first]
    )


def _answer(found: BaseModel, if_none_match: str | None) -> Response:
    body = found.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
