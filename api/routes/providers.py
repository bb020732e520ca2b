"""Providers: the clinics. Also the two ways into a provider's catalogue, for the routes below it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue
from adapters.database.changes import Author
from adapters.database.tables import Provider
from api.access import CatalogueEditor, Policy, Principal, Reader, allow, not_found
from api.concurrency import IfMatch, etag
from api.context import Context, Language
from api.idempotency import Once
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.preview import DryRun, previewed
from api.schemas.catalogue import ID, NewProvider, ProviderChange, ProviderPage, ProviderView
from api.schemas.preview import Preview
from domain.errors import Forbidden

router = APIRouter(tags=["providers"])

ProviderId = Annotated[str, Path(pattern=ID, examples=["prv_3k9d0m2x7q4w8z1v5b6n"])]
Creator = Annotated[Principal, Depends(allow(Policy.CREATE_PROVIDER))]


async def read_provider(session: AsyncSession, principal: Principal, provider_id: str) -> Provider:
    """The provider, or NotFound where there is none that this principal may see."""
    principal.must_reach(provider_id)
    found = await catalogue.provider(session, provider_id)
    if found is None:
        raise not_found("provider", provider_id)
    return found


async def change_provider(session: AsyncSession, principal: Principal, provider_id: str) -> Provider:
    """The same, its catalogue locked: writers of one provider take turns."""
    principal.must_reach(provider_id)
    found = await catalogue.lock(session, provider_id)
    if found is None:
        raise not_found("provider", provider_id)
    return found


@router.post("/providers", status_code=201, response_model=ProviderView)
async def create(wanted: NewProvider, context: Context, principal: Creator, once: Once) -> Response:
    """Adds a provider."""
    if principal.provider_id is not None:
        raise Forbidden(
            "This key or session is limited to one provider and cannot add another.",
            mend="Use one without that limit.",
        )

    async def work() -> ProviderView:
        by = Author(principal.actor, "POST /providers")
        return ProviderView.of(await catalogue.create_provider(session, by, **wanted.model_dump(mode="json")))

    async with context.database.transaction() as session:
        return await once.once(
            session,
            principal,
            work,
            headers=lambda made: {"location": f"/api/v1/providers/{made.id}", "etag": etag(made.version)},
        )


@router.get("/providers")
async def listing(
    context: Context, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> ProviderPage:
    """By name. Who is limited to one provider sees that one."""
    after = read_cursor(cursor, str, str)
    async with context.database.transaction() as session:
        rows = await catalogue.list_providers(
            session, limit=limit + 1, after=after and (after[0], after[1]), only=principal.provider_id
        )
    shown = rows[:limit]
    more = len(rows) > limit
    return ProviderPage(
        items=[ProviderView.of(row) for row in shown],
        next_cursor=cursor_of(shown[-1].name, shown[-1].id) if more else None,
    )


@router.get("/providers/{provider_id}")
async def one(
    provider_id: ProviderId, context: Context, principal: Reader, response: Response
) -> ProviderView:
    async with context.database.transaction() as session:
        found = ProviderView.of(await read_provider(session, principal, provider_id))
    response.headers["ETag"] = etag(found.version)
    return found


@router.patch("/providers/{provider_id}")
async def change(
    provider_id: ProviderId,
    wanted: ProviderChange,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    if_match: IfMatch,
    response: Response,
    dry_run: DryRun = False,
) -> ProviderView | Preview:
    """Changes what is named, and nothing else. Another country or time zone moves the openings on every channel (R6)."""

    async def work(session: AsyncSession) -> ProviderView:
        found = await change_provider(session, principal, provider_id)
        if_match.must_be(found.version)
        changes = wanted.model_dump(mode="json", exclude_unset=True)
        by = Author(principal.actor, "PATCH /providers/{provider_id}")
        await catalogue.change_provider(session, found, changes, by=by)
        return ProviderView.of(found)

    if dry_run:
        return (await previewed(context, provider_id, language, work))[1]
    async with context.database.transaction() as session:
        shown = await work(session)
    response.headers["ETag"] = etag(shown.version)
    return shown
