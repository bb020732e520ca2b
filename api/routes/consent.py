"""The consent declaration of a channel: shown, and accepted by an entitled person (R9)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from adapters.database import catalogue_channels as store
from adapters.database.catalogue_channels import Accepted
from api.access import Policy, Principal, Reader, allow
from api.concurrency import IfMatch, etag
from api.context import Context, Language
from api.idempotency import Once
from api.routes.partners import Partner
from api.routes.providers import ProviderId, change_provider, read_provider
from api.schemas import catalogue
from api.schemas.channels import Acceptance, AcceptanceView, AskedAgainView, DeclarationView, VersionView
from domain.errors import Conflict
from domain.model import Person

router = APIRouter(tags=["consent"])

Accepter = Annotated[Principal, Depends(allow(Policy.ACCEPT_CONSENT))]
Chosen = Annotated[catalogue.Language | None, Query(description="of the text; your own where left out")]


@router.get("/providers/{provider_id}/channels/{slug}/consent")
async def one(
    provider_id: ProviderId,
    slug: Partner,
    context: Context,
    reader: Language,
    principal: Reader,
    response: Response,
    language: Chosen = None,
) -> DeclarationView:
    """The declaration in force; where it is not there in the language asked for, in the partner's own.

    `accepted` is null where it has to be accepted; `asked_again` says why, where something was accepted before.
    """
    playbook, words = context.playbooks.get(slug), language or reader
    declaration = context.declarations.in_force(playbook, words)
    standing = context.declarations.standing(playbook)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        version = await store.channel_version(session, provider_id, slug)
        kept = await store.acceptances(session, provider_id, slug)
    response.headers["ETag"] = etag(version)
    all_of = [(one.document, one.version) for one in kept]
    asked = context.declarations.versions(playbook).asked_again(standing, all_of)
    counts = {(standing.document, version) for version in standing.counting}
    counting = next((one for one in kept if (one.document, one.version) in counts), None)
    return DeclarationView(
        **vars(declaration),
        in_force=VersionView.of(standing.in_force, words),
        coming=[VersionView.of(one, words) for one in standing.coming],
        accepted=AcceptanceView.of(counting) if counting else None,
        asked_again=AskedAgainView.of(asked, words) if asked else None,
        acceptances=[AcceptanceView.of(one) for one in kept],
    )


@router.post(
    "/providers/{provider_id}/channels/{slug}/consent",
    status_code=201,
    response_model=AcceptanceView,
    responses={200: {"model": AcceptanceView, "description": "this version was accepted before"}},
)
async def accept(
    provider_id: ProviderId,
    slug: Partner,
    wanted: Acceptance,
    request: Request,
    context: Context,
    reader: Language,
    principal: Accepter,
    if_match: IfMatch,
    once: Once,
) -> Response:
    """Accepts the version in force, for an entitled person; again, it answers with the first acceptance."""
    declaration = context.declarations.in_force(context.playbooks.get(slug), wanted.language or reader)
    if wanted.version != declaration.version:
        raise Conflict(
            "The version in force is “{in_force}”, not “{sent}”.",
            mend="Read the declaration as it is now, and accept that version.",
            code="other-version",
            in_force=declaration.version,
            sent=wanted.version,
        )

    async def work() -> AcceptanceView:
        await change_provider(session, principal, provider_id)
        if_match.must_be(await store.channel_version(session, provider_id, slug))
        kept = await store.accept_consent(
            session,
            provider_id,
            slug,
            Accepted(declaration.document, declaration.version, declaration.language, declaration.sha256),
            Person(**wanted.accepted_by.model_dump()),
            recorded_by=principal.actor,
            address=request.client.host if request.client else None,
            source="POST /providers/{provider_id}/channels/{slug}/consent",
        )
        return AcceptanceView.of(kept)

    async with context.database.transaction() as session:
        known = await store.consent(session, provider_id, slug, declaration.document, declaration.version)
        return await once.once(session, principal, work, status=200 if known else 201)
