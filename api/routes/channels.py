"""Channels: what a provider opens to a partner: permission, ticked services, prices (R5, R7, R8)."""

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_channels as store
from adapters.database import facts
from api.access import CatalogueEditor, Reader
from api.concurrency import IfMatch, etag
from api.context import Context, Language
from api.paging import Cursor, Limit
from api.routes.partners import Partner, page_of
from api.routes.providers import ProviderId, change_provider, read_provider
from api.routes.services import NAMED_AT_MOST, must_exist
from api.schemas.channels import ChannelChange, ChannelPage, ChannelView, PriceList, Published
from domain.errors import Invalid
from domain.playbook import Playbook

router = APIRouter(tags=["channels"])


async def _view(session: AsyncSession, provider_id: str, playbook: Playbook, language: str) -> ChannelView:
    in_force = (playbook.declaration.document, playbook.declaration.version)
    known = await facts.read_facts(session, provider_id, playbook.slug, in_force)
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
        items = [await _view(session, provider_id, playbook, language) for playbook in playbooks]
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
        found = await _view(session, provider_id, playbook, language)
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
) -> ChannelView:
    """Gives or takes the permission. No data leave before the consent is accepted."""
    playbook = context.playbooks.get(slug)
    async with context.database.transaction() as session:
        await change_provider(session, principal, provider_id)
        if_match.must_be(await store.channel_version(session, provider_id, slug))
        await store.enable(session, provider_id, slug, wanted.enabled)
        found = await _view(session, provider_id, playbook, language)
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
    principal: CatalogueEditor,
    if_match: IfMatch,
    response: Response,
) -> Published:
    """Ticks exactly these services."""
    context.playbooks.get(slug)
    async with context.database.transaction() as session:
        await change_provider(session, principal, provider_id)
        if_match.must_be(await store.channel_version(session, provider_id, slug))
        await must_exist(session, provider_id, wanted.service_ids)
        await store.publish(session, provider_id, slug, wanted.service_ids)
        version = await store.channel_version(session, provider_id, slug)
        ids = await store.published(session, provider_id, slug)
    response.headers["ETag"] = etag(version)
    return Published(service_ids=list(ids))


@router.get("/providers/{provider_id}/channels/{slug}/prices")
async def prices(
    provider_id: ProviderId, slug: Partner, context: Context, principal: Reader, response: Response
) -> PriceList:
    """The whole price list, by the services' code."""
    context.playbooks.get(slug)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        version = await store.channel_version(session, provider_id, slug)
        rows = await store.prices(session, provider_id, slug)
    response.headers["ETag"] = etag(version)
    return PriceList.of(rows)


@router.put("/providers/{provider_id}/channels/{slug}/prices")
async def put_prices(
    provider_id: ProviderId,
    slug: Partner,
    wanted: PriceList,
    context: Context,
    principal: CatalogueEditor,
    if_match: IfMatch,
    response: Response,
) -> PriceList:
    """Puts this in the place of the whole price list: a service that is not in it loses its price."""
    _must_fit(wanted, context.playbooks.get(slug).currency)
    async with context.database.transaction() as session:
        await change_provider(session, principal, provider_id)
        if_match.must_be(await store.channel_version(session, provider_id, slug))
        await must_exist(session, provider_id, [row.service_id for row in wanted.prices], "prices")
        await store.put_prices(session, provider_id, slug, wanted.priced())
        version = await store.channel_version(session, provider_id, slug)
        rows = await store.prices(session, provider_id, slug)
    response.headers["ETag"] = etag(version)
    return PriceList.of(rows)


def _must_fit(wanted: PriceList, currency: str) -> None:
    """Raises Invalid naming the rows with a foreign currency, or with a service that has a row already."""
    errors: list[dict[str, str]] = []
    first_row: dict[str, int] = {}
    for number, row in enumerate(wanted.prices):
        if row.currency != currency:
            problem = f"“{row.currency}” is not the currency of this channel"
            errors.append(
                {"field": f"prices.{number}.currency", "problem": problem, "mend": f"Use {currency}."}
            )
        if (before := first_row.setdefault(row.service_id, number)) != number:
            problem = f"“{row.service_id}” has a price in row {before} already"
            errors.append(
                {"field": f"prices.{number}.service_id", "problem": problem, "mend": "Keep one of them."}
            )
    if errors:
        raise Invalid(
            "The price list is not right: {field}: {problem}; nothing was changed.",
            mend="Mend the rows listed in “errors” and send it again.",
            errors=errors[:NAMED_AT_MOST],
            field=errors[0]["field"],
            problem=errors[0]["problem"],
        )
