"""Ticking services in bulk: by id, by code, by filter (R7)."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_channels, changes
from adapters.database import ticks as store
from adapters.database.changes import Author
from adapters.database.readiness import look
from adapters.database.tables import Provider
from adapters.i18n import format_when
from api.access import CatalogueEditor
from api.concurrency import IfMatch, etag
from api.context import AppContext, Context, Language
from api.preview import DryRun, previewed
from api.routes.partners import Partner
from api.routes.providers import ProviderId, change_provider
from api.routes.services import NAMED_AT_MOST, must_exist
from api.schemas.changes import SHOWN, Services
from api.schemas.ticks import EXPLAINED, Explained, NotYetBookable, Selection, TickChange, TickResult, WhyNot
from domain.errors import Invalid
from domain.playbook import Playbook
from domain.reasons import Reason
from domain.service_reasons import OwnReasons
from domain.snapshot import ServiceFacts

router = APIRouter(tags=["channels"])


@router.patch("/providers/{provider_id}/channels/{slug}/published")
async def tick(
    provider_id: ProviderId,
    slug: Partner,
    wanted: TickChange,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    if_match: IfMatch,
    response: Response,
    dry_run: DryRun = False,
) -> TickResult:
    """Ticks and unticks some services and leaves the others. With `dry_run=true` only shows what would come of it.

    A service without a price or an opening may be ticked; the answer explains what it lacks.
    """
    playbook = context.playbooks.get(slug)
    by = Author(principal.actor, "PATCH /providers/{provider_id}/channels/{slug}/published")
    version, now = 0, datetime.now(UTC)

    async def work(session: AsyncSession) -> TickResult:
        nonlocal version
        await change_provider(session, principal, provider_id)
        if_match.must_be(await catalogue_channels.channel_version(session, provider_id, slug))
        add = await _chosen(session, provider_id, slug, wanted.add, "add", now)
        remove = await _chosen(session, provider_id, slug, wanted.remove, "remove", now)
        done = await catalogue_channels.tick(
            session, provider_id, slug, add=add - remove, remove=remove, by=by
        )
        version = await catalogue_channels.channel_version(session, provider_id, slug)
        return await _result(context, session, provider_id, playbook, done, language, now)

    if dry_run:
        result, preview = await previewed(context, provider_id, language, work)
        return result.model_copy(update={"dry_run": True, "channels": preview.channels})
    async with context.database.transaction() as session:
        result = await work(session)
    response.headers["ETag"] = etag(version)
    return result


async def _chosen(
    session: AsyncSession, provider_id: str, slug: str, wanted: Selection | None, side: str, now: datetime
) -> set[str]:
    """The services that are meant; raises Invalid naming ids and codes that no living service has."""
    if wanted is None:
        return set()
    if wanted.service_ids is not None:
        await must_exist(session, provider_id, wanted.service_ids, f"{side}.service_ids")
        return set(wanted.service_ids)
    if wanted.filter is not None:
        return await store.chosen(session, provider_id, slug, wanted.filter.stored(), now)
    codes = wanted.codes or []
    known = await store.with_codes(session, provider_id, codes)
    unknown = [code for code in dict.fromkeys(codes) if code not in known]
    if unknown:
        mend = "Take it away, or use a code from the provider's list of services."
        raise Invalid(
            "This provider has no service with the code “{first}”; nothing was changed.",
            mend="Take the codes named in “errors” away; the provider's list of services shows those there are.",
            code="unknown-service",
            errors=[
                {"field": f"{side}.codes", "problem": f"no service has the code “{code}”", "mend": mend}
                for code in unknown[:NAMED_AT_MOST]
            ],
            first=unknown[0],
        )
    return set(known.values())


async def _result(
    context: AppContext,
    session: AsyncSession,
    provider_id: str,
    playbook: Playbook,
    done: catalogue_channels.Ticked,
    language: str,
    now: datetime,
) -> TickResult:
    provider = await session.get_one(Provider, provider_id)
    counting = context.declarations.counting(playbook)
    lacking = await not_yet_bookable(session, provider, playbook, counting, now)
    names = await changes.named(session, [*done.added[:SHOWN], *done.removed[:SHOWN]])
    return TickResult(
        dry_run=False,
        published=len(await catalogue_channels.published(session, provider_id, playbook.slug)),
        added=Services.of(done.added, names, len(done.added)),
        removed=Services.of(done.removed, names, len(done.removed)),
        not_yet_bookable=Explained(
            total=len(lacking),
            shown=[_explained(*one, language, provider.time_zone) for one in lacking[:EXPLAINED]],
        ),
    )


async def not_yet_bookable(
    session: AsyncSession, provider: Provider, playbook: Playbook, counting: tuple[str, ...], now: datetime
) -> list[tuple[ServiceFacts, list[Reason]]]:
    """The ticked services, by code, that lack something themselves; as the explainer says it of the channel as it is."""
    snapshot = (await look(session, provider, playbook, counting, now)).snapshot
    own = OwnReasons(snapshot)
    ticked = [one for one in snapshot.services or () if one.ticked and one.deleted is None]
    ticked.sort(key=lambda one: (one.code, one.id))
    told = ((one, [reason for reason in own.of(one) if reason.blocks]) for one in ticked)
    return [(one, reasons) for one, reasons in told if reasons]


def _explained(one: ServiceFacts, reasons: list[Reason], language: str, zone: str) -> NotYetBookable:
    def when(at: datetime, tongue: str) -> str:
        return format_when(at, tongue, zone)

    told = [WhyNot(code=reason.code, text=reason.said(language, when)) for reason in reasons]
    return NotYetBookable(id=one.id, code=one.code, name=one.name, reasons=told)
