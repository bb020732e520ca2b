"""The history of a provider's catalogue: who changed what, when, through which call or file."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from adapters.database import changes as store
from adapters.database.changes import Chosen, Kind
from api.access import Reader
from api.context import Context
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.routes.providers import ProviderId, read_provider
from api.schemas.catalogue import ID
from api.schemas.changes import SHOWN, ChangePage, ChangeView

router = APIRouter(tags=["history"])

OfPartner = Annotated[
    str | None,
    Query(
        pattern=ID,
        description="a partner's slug: changes of that channel, and those that concern every channel",
        examples=["generali"],
    ),
]
OfService = Annotated[str | None, Query(pattern=ID, description="of one service, deleted or not")]


@router.get("/providers/{provider_id}/changes")
async def listing(
    provider_id: ProviderId,
    context: Context,
    principal: Reader,
    partner: OfPartner = None,
    service_id: OfService = None,
    kind: Kind | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ChangePage:
    """Newest first. One call is one line for each thing it did, however many services it did it to."""
    after = read_cursor(cursor, datetime, str)
    chosen = Chosen(partner=partner, service_id=service_id, kind=kind)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        rows = await store.listed(
            session, provider_id, chosen, limit=limit + 1, after=after and (after[0], after[1])
        )
        shown = rows[:limit]
        names = await store.named(session, (id for row in shown for id in row.service_ids[:SHOWN]))
    return ChangePage(
        items=[ChangeView.of(row, names) for row in shown],
        next_cursor=cursor_of(shown[-1].at, shown[-1].id) if len(rows) > limit else None,
    )
