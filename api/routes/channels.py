"""Channels: what a provider opens to a partner: permission, ticked services, prices (R5, R7, R8)."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_channels as store
from adapters.database import facts
from adapters.database.changes import Author
from api.access import CatalogueEditor, Reader
from api.concurrency import IfMatch, etag
from api.context import AppContext, Context, Language
from api.opening import begin, open_again
from api.paging import Cursor, Limit
from api.preview import DryRun, previewed
from api.routes import price_edits, price_lists, prices
from api.routes.partners import Partner, page_of
from api.routes.providers import ProviderId, change_provider, read_provider
from api.routes.services import must_exist
from api.schemas.channels import ChannelChange, ChannelPage, ChannelView, Published
from api.schemas.preview import Preview
from domain.playbook import Playbook

router = APIRouter(tags=["channels"])
router.include_router(price_lists.router)
router.include_router(prices.router)
router.include_router(price_edits.router)


async def _view(
    session: AsyncSession, context: AppContext, provider_id: str, playbook: Playbook, language: str
) -> ChannelView:
    in_force = context.declarations.counting(playbook)
    known = await facts.read_facts(session, provider_id, playbook.slug, in_force, datetime.now(UTC))
    return ChannelView.of(playbook.slug, playbook.channel_name.in_(language), known)


@router.get("/providers/{provider_id}/channels")
async def listing(
    provider_id: ProviderId,
    context: Context,
    language: Language,
    principal: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ChannelPage:
    """One channel for each partner, by slug."""
    playbooks, following = page_of(context.playbooks, limit, cursor)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        items = [await _view(session, context, provider_id, playbook, language) for playbook in playbooks]
    return ChannelPage(items=items, next_cursor=following)


@router.get("/providers/{provider_id}/channels/{slug}")
async def one(
    provider_id: ProviderId,
    slug: Partner,
    context: Context,
    language: Language,
    principal: Reader,
    response: Response,
) -> ChannelView:
    """Permission and counts. `version`, the ETag, grows with every change that concerns the channel."""
    playbook = context.playbooks.get(slug)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        found = await _view(session, context, provider_id, playbook, language)
    response.headers["ETag"] = etag(found.version)
    return found


@router.patch("/providers/{provider_id}/channels/{slug}")
async def change(
    provider_id: ProviderId,
    slug: Partner,
    wanted: ChannelChange,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    if_match: IfMatch,
    response: Response,
    dry_run: DryRun = False,
) -> ChannelView | Preview:
    """Gives or takes the permission. No data leave before the consent is accepted.

    Taking it ends a live connection (R17); giving it again starts an onboarding that carries over what is still valid.
    """
    playbook = context.playbooks.get(slug)
    by = Author(principal.actor, "PATCH /providers/{provider_id}/channels/{slug}")
    opened: list[str] = []

    async def work(session: AsyncSession) -> ChannelView:
        await change_provider(session, principal, provider_id)
        if_match.must_be(await store.channel_version(session, provider_id, slug))
        if await store.enable(session, provider_id, slug, wanted.enabled, by=by) and wanted.enabled:
            opened.extend(await open_again(session, context, principal, provider_id, slug))
        return await _view(session, context, provider_id, playbook, language)

    if dry_run:
        return (await previewed(context, provider_id, language, work))[1]
    async with context.database.transaction() as session:
        found = await work(session)
    await begin(context, opened)
    response.headers["ETag"] = etag(found.version)
    return found


@router.get("/providers/{provider_id}/channels/{slug}/published")
async def published(
    provider_id: ProviderId, slug: Partner, context: Context, principal: Reader, response: Response
) -> Published:
    """The ticked services, by code."""
    context.playbooks.get(slug)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        version = await store.channel_version(session, provider_id, slug)
        ids = await store.published(session, provider_id, slug)
    response.headers["ETag"] = etag(version)
    return Published(service_ids=list(ids))


@router.put("/providers/{provider_id}/channels/{slug}/published")
async def publish(
    provider_id: ProviderId,
    slug: Partner,
    wanted: Published,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    if_match: IfMatch,
    response: Response,
    dry_run: DryRun = False,
) -> Published | Preview:
    """Ticks exactly these services."""
    context.playbooks.get(slug)
    by = Author(principal.actor, "PUT /providers/{provider_id}/channels/{slug}/published")

    async def work(session: AsyncSession) -> None:
        await change_provider(session, principal, provider_id)
        if_match.must_be(await store.channel_version(session, provider_id, slug))
        await must_exist(session, provider_id, wanted.service_ids)
        await store.publish(session, provider_id, slug, wanted.service_ids, by=by)

    if dry_run:
        return (await previewed(context, provider_id, language, work))[1]
    async with context.database.transaction() as session:
        await work(session)
        version = await store.channel_version(session, provider_id, slug)
        ids = await store.published(session, provider_id, slug)
    response.headers["ETag"] = etag(version)
    return Published(service_ids=list(ids))
