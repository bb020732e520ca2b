"""Signed links: GET shows, POST acts once (R11–R14, R16). The token is the key; whoever has none learns nothing.

Unknown, altered, used, revoked and expired links look the same. A typed name and role are required, so a mail scanner
that submits forms confirms nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from adapters.database import links, onboardings
from adapters.database.onboardings import Found
from api import held_notice, held_step
from api.access import Policy, open_to_all
from api.carry import must_be_plain
from api.connection_view import priced
from api.context import AppContext, Context
from api.held_link import HeldLink, dead
from api.pages import signed as pages
from api.pages.forms import body_from_form
from api.schemas.links import LinkAnswer, LinkView
from domain.errors import Gone, Invalid, RacordError

router = APIRouter(tags=["signed links"])
RENEW_AFTER = timedelta(minutes=10)  # a new link is not sent more often than this
Holder = Annotated[None, Depends(open_to_all(Policy.SIGNED_LINK))]


async def _held(context: AppContext, token: str) -> HeldLink:
    """The live link behind a token, or :class:`Gone`, always the same."""
    link_id = context.links.link_id(token)
    if link_id is None:
        raise dead()
    async with context.database.transaction() as session:
        row = await links.find(session, link_id)
        if row is None:
            raise dead()
        found = await onboardings.one(session, row.onboarding_id)
        if found is None or not links.is_usable(row, _clock(found)):
            raise dead()
        held = await held_step.find(session, row, found) or await held_notice.find(
            session, row, found, priced(context.playbooks)
        )
    if not held:
        raise dead()
    return held


def _clock(found: Found) -> datetime:
    """Now; while the onboarding is on hold, its begin: a link that was good then is good afterwards."""
    return found.progress.hold.since if found.progress.hold else datetime.now(UTC)


@router.get("/l/{token}", response_model=LinkView)
async def show(token: str, request: Request, context: Context, _: Holder) -> Response:
    """What the link asks for. Changes nothing, however often it is opened."""
    try:
        held = await _held(context, token)
    except Gone:
        return _refused(request, token)
    if pages.wanted(request):
        return held.asking(request)
    return JSONResponse(held.view().model_dump(mode="json", by_alias=True))


@router.post("/l/{token}", response_model=LinkAnswer)
async def act(token: str, request: Request, context: Context, _: Holder) -> Response:
    """Carries out what the holder decided, once: `{"action": "complete" | "reject", "name", "role", …}`."""
    try:
        held = await _held(context, token)
    except Gone:
        return _refused(request, token)
    name, body = await _decision(request, held)
    must_be_plain({**body, "action": name})
    try:
        accepted = await held.carry_out(context, name, body)
    except Gone:
        return _refused(request, token)
    except RacordError as refusal:
        if not pages.wanted(request):
            raise
        return held.asking(request, refused=(name, body, refusal))
    if pages.wanted(request):
        return held.answered(request, name, recorded=accepted)
    answer = LinkAnswer(
        status="recorded" if accepted else "accepted",
        action=name,
        step=held.row.step,
        onboarding=held.found.row.id,
    )
    return JSONResponse(answer.model_dump(), 200 if accepted else 202)


@router.post("/l/{token}/renew")
async def renew(token: str, request: Request, context: Context, _: Holder) -> Response:
    """Sends a fresh link to the address that we know, if this was one of ours. The answer never tells which."""
    await context.temporal.must_answer()  # asked whatever the link: nothing is promised that cannot be sent
    link_id = context.links.link_id(token)
    if link_id is not None:
        await _renew(context, link_id)
    if pages.wanted(request):
        return pages.dead(request, sent=True)
    return JSONResponse(
        {
            "status": "accepted",
            "detail": "If this link was ours and something is open, a new one is on its way to the address we know. "
            "If the matter is paused, no new link is sent: try again later.",
        },
        202,
    )


async def _renew(context: AppContext, link_id: str) -> None:
    now = datetime.now(UTC)
    async with context.database.transaction() as session:
        row = await links.find(session, link_id)
        newest = await links.newest_like(session, row) if row else None
        if row is None or newest is None or now - newest.created_at < RENEW_AFTER:
            return
        if await held_notice.renew(session, row, now):
            return
    await held_step.renew(context, row, newest)


async def _decision(request: Request, held: HeldLink) -> tuple[str, dict[str, Any]]:
    """The action named and its body, from JSON or from the page's form."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        form = await request.form()
        name = str(form.get("action", ""))
        items = [
            (key, value) for key, value in form.multi_items() if key != "action" and isinstance(value, str)
        ]
        return name, body_from_form(held.schema(name), items)
    try:
        sent = await request.json()
    except (ValueError, RecursionError) as error:
        raise Invalid("The body is not JSON.", mend="Send a JSON object, or the page's form.") from error
    if not isinstance(sent, dict):
        raise Invalid(
            "The body is not a JSON object.",
            mend="Send an object with “action” and the fields of its schema.",
        )
    return str(sent.pop("action", "")), sent


def _refused(request: Request, token: str) -> Response:
    if pages.wanted(request):
        return pages.dead(request, renew_href=f"/l/{token}/renew")
    raise dead()
