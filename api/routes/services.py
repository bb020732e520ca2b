"""Services: the examinations of a provider."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_services as store
from adapters.database.changes import Author
from adapters.database.tables import Service
from api.access import CatalogueEditor, Reader, not_found
from api.concurrency import IfMatch, etag
from api.context import Context, Language
from api.idempotency import Once
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.preview import DryRun, previewed
from api.routes.providers import ProviderId, change_provider, read_provider
from api.schemas.catalogue import ID, NewService, ServiceChange, ServicePage, ServiceView
from api.schemas.preview import Preview
from domain.errors import Conflict, Invalid

router = APIRouter(tags=["services"])

ServiceIdPath = Annotated[str, Path(pattern=ID, examples=["srv_3k9d0m2x7q4w8z1v5b6n"])]
NAMED_AT_MOST = 20


async def must_exist(
    session: AsyncSession, provider_id: str, service_ids: Sequence[str], field: str = "service_ids"
) -> None:
    """Raises Invalid naming the ids, found in ``field``, that are no living service of this provider."""
    unknown = await store.unknown_services(session, provider_id, service_ids)
    if not unknown:
        return
    mend = "Take it away, or use an id from the provider's list of services."
    raise Invalid(
        "This provider has no service “{first}”{others}; nothing was changed.",
        mend="Take the ids named in “errors” away; the provider's list of services shows those there are.",
        code="unknown-service",
        errors=[
            {"field": field, "problem": f"no service “{id}”", "mend": mend} for id in unknown[:NAMED_AT_MOST]
        ],
        first=unknown[0],
        others=f" (+ {len(unknown) - 1})" if len(unknown) > 1 else "",
    )


async def _must_be_free(
    session: AsyncSession, provider_id: str, code: str | None, own_id: str | None = None
) -> None:
    other = await store.service_with_code(session, provider_id, code) if code else None
    if other is not None and other.id != own_id:
        raise Conflict(
            "The code “{taken}” is already that of “{name}” ({other}).",
            mend="Use another code, or change that service.",
            code="code-taken",
            taken=other.code,
            name=other.name,
            other=other.id,
        )


async def _find(session: AsyncSession, provider_id: str, service_id: str) -> Service:
    found = await store.service(session, provider_id, service_id)
    if found is None:
        raise not_found("service", service_id)
    return found


@router.post("/providers/{provider_id}/services", status_code=201, response_model=ServiceView)
async def create(
    provider_id: ProviderId, wanted: NewService, context: Context, principal: CatalogueEditor, once: Once
) -> Response:
    """Adds a service. It is published nowhere until it is ticked."""

    async def work() -> ServiceView:
        await change_provider(session, principal, provider_id)
        await _must_be_free(session, provider_id, wanted.code)
        by = Author(principal.actor, "POST /providers/{provider_id}/services")
        return ServiceView.of(await store.create_service(session, provider_id, **wanted.model_dump(), by=by))

    async with context.database.transaction() as session:
        return await once.once(
            session,
            principal,
            work,
            headers=lambda made: {
                "location": f"/api/v1/providers/{provider_id}/services/{made.id}",
                "etag": etag(made.version),
            },
        )


@router.get("/providers/{provider_id}/services")
async def listing(
    provider_id: ProviderId, context: Context, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> ServicePage:
    """By code; deleted services are not listed."""
    after = read_cursor(cursor, str, str)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        rows = await store.list_services(
            session, provider_id, limit=limit + 1, after=after and (after[0], after[1])
        )
    shown = rows[:limit]
    more = len(rows) > limit
    return ServicePage(
        items=[ServiceView.of(row) for row in shown],
        next_cursor=cursor_of(shown[-1].code, shown[-1].id) if more else None,
    )


@router.get("/providers/{provider_id}/services/{service_id}")
async def one(
    provider_id: ProviderId,
    service_id: ServiceIdPath,
    context: Context,
    principal: Reader,
    response: Response,
) -> ServiceView:
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        found = ServiceView.of(await _find(session, provider_id, service_id))
    response.headers["ETag"] = etag(found.version)
    return found


@router.patch("/providers/{provider_id}/services/{service_id}")
async def change(
    provider_id: ProviderId,
    service_id: ServiceIdPath,
    wanted: ServiceChange,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    if_match: IfMatch,
    response: Response,
    dry_run: DryRun = False,
) -> ServiceView | Preview:
    """Changes what is named, and nothing else."""
    changes = wanted.model_dump(exclude_unset=True)
    by = Author(principal.actor, "PATCH /providers/{provider_id}/services/{service_id}")

    async def work(session: AsyncSession) -> ServiceView:
        await change_provider(session, principal, provider_id)
        found = await _find(session, provider_id, service_id)
        if_match.must_be(found.version)
        await _must_be_free(session, provider_id, changes.get("code"), service_id)
        await store.change_service(session, found, changes, by=by)
        return ServiceView.of(found)

    if dry_run:
        return (await previewed(context, provider_id, language, work))[1]
    async with context.database.transaction() as session:
        shown = await work(session)
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.delete(
    "/providers/{provider_id}/services/{service_id}",
    status_code=204,
    response_model=None,
    responses={200: {"model": Preview, "description": "with `dry_run=true`"}},
)
async def delete(
    provider_id: ProviderId,
    service_id: ServiceIdPath,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    if_match: IfMatch,
    dry_run: DryRun = False,
) -> Response:
    """Withdraws the service from every channel and calendar. Its code is free again."""
    by = Author(principal.actor, "DELETE /providers/{provider_id}/services/{service_id}")

    async def work(session: AsyncSession) -> None:
        await change_provider(session, principal, provider_id)
        found = await _find(session, provider_id, service_id)
        if_match.must_be(found.version)
        await store.delete_service(session, found, by=by)

    if dry_run:
        _, preview = await previewed(context, provider_id, language, work)
        return JSONResponse(preview.model_dump(mode="json"))
    async with context.database.transaction() as session:
        await work(session)
    return Response(status_code=204)
