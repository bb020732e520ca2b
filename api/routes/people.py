"""Account managers: who there is, who leads whom, who has gone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import assignments, people
from adapters.database.people_tables import AccountManagerRow
from api import people_view as view
from api.access import Policy, Principal, allow
from api.concurrency import IfMatch, etag
from api.context import Context
from api.idempotency import Once
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.schemas.catalogue import ID
from api.schemas.people import (
    AccountManagerChange,
    AccountManagerPage,
    AccountManagerView,
    NewAccountManager,
    Retire,
)
from domain.errors import Forbidden

router = APIRouter(tags=["account managers"])

ManagerId = Annotated[str, Path(pattern=ID, examples=["amg_3k9d0m2x7q4w8z1v5b6n"])]
HERE = "/account-managers/{account_manager_id}"


async def unlimited(principal: Annotated[Principal, Depends(allow(Policy.MANAGE_PEOPLE))]) -> Principal:
    """The people belong to no provider, so whoever is limited to one has nothing to do with them."""
    if principal.provider_id is not None:
        raise Forbidden(
            "This key or session is limited to one provider and cannot see our own people.",
            mend="Use one without that limit.",
        )
    return principal


PeopleManager = Annotated[Principal, Depends(unlimited)]


@router.post("/account-managers", status_code=201, response_model=AccountManagerView)
async def create(
    wanted: NewAccountManager, context: Context, principal: PeopleManager, once: Once
) -> Response:
    """Adds an account manager."""

    async def work() -> AccountManagerView:
        return await view.one(session, await people.create(session, **wanted.model_dump(mode="json")))

    async with context.database.transaction() as session:
        return await once.once(
            session,
            principal,
            work,
            headers=lambda made: {
                "location": f"/api/v1/account-managers/{made.id}",
                "etag": etag(made.version),
            },
        )


@router.get("/account-managers")
async def listing(
    context: Context,
    principal: PeopleManager,
    retired: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AccountManagerPage:
    """By name; with `retired=true` also those who have gone."""
    after = read_cursor(cursor, str, str)
    async with context.database.transaction() as session:
        rows = await people.listed(
            session, limit=limit + 1, after=after and (after[0], after[1]), with_retired=retired
        )
        items = await view.several(session, rows[:limit])
    more = len(rows) > limit
    return AccountManagerPage(
        items=items, next_cursor=cursor_of(items[-1].name, items[-1].id) if more else None
    )


@router.get(HERE)
async def one(
    account_manager_id: ManagerId, context: Context, principal: PeopleManager, response: Response
) -> AccountManagerView:
    async with context.database.transaction() as session:
        found = await view.one(session, await people.one(session, account_manager_id))
    response.headers["ETag"] = etag(found.version)
    return found


@router.patch(HERE)
async def change(
    account_manager_id: ManagerId,
    wanted: AccountManagerChange,
    context: Context,
    principal: PeopleManager,
    if_match: IfMatch,
    response: Response,
) -> AccountManagerView:
    """Changes what is named, and nothing else. The retired stay as they were."""
    async with context.database.transaction() as session:
        found = await _to_change(session, account_manager_id)
        if_match.must_be(found.version)
        await people.change(session, found, wanted.model_dump(mode="json", exclude_unset=True))
        shown = await view.one(session, found)
    response.headers["ETag"] = etag(shown.version)
    return shown


async def _to_change(session: AsyncSession, person_id: str) -> AccountManagerRow:
    await people.lock(session)
    return await people.working(session, person_id)


@router.post(f"{HERE}/retire", response_model=AccountManagerView)
async def retire(
    account_manager_id: ManagerId, wanted: Retire, context: Context, principal: PeopleManager, once: Once
) -> Response:
    """Retires somebody. With open work, only together with `hand_over_to`: it moves in the same moment."""

    async def work() -> AccountManagerView:
        gone = await assignments.retire(
            session,
            account_manager_id,
            hand_over_to=wanted.hand_over_to,
            by=principal.actor,
            reason=wanted.reason,
        )
        return await view.one(session, gone)

    async with context.database.transaction() as session:
        return await once.once(session, principal, work, status=200)
