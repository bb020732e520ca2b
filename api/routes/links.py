"""Signed links: GET shows, POST acts once (R11–R13). The token is the key; whoever has none learns nothing.

Unknown, altered, used, revoked and expired links look the same. A typed name and role are required, so a mail scanner
that submits forms confirms nothing.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from adapters.database import links, onboardings
from adapters.database.onboardings import Found
from adapters.database.tables import LinkRow
from api.access import Policy, open_to_all
from api.carry import carry, must_be_plain
from api.context import AppContext, Context
from api.pages import signed as pages
from api.pages.forms import body_from_form
from api.schemas.links import LinkActionView, LinkAnswer, LinkView
from domain import progress as engine
from domain.commands import StepCommand
from domain.errors import Gone, Invalid, RacordError
from domain.model import Actor, Party
from domain.steps.base import REMIND, Action

router = APIRouter(tags=["signed links"])
RENEW_AFTER = timedelta(minutes=10)  # a new link is not sent more often than this
Holder = Annotated[None, Depends(open_to_all(Policy.SIGNED_LINK))]


@dataclass(frozen=True)
class Held:
    """A live link, with what it is for."""

    row: LinkRow
    found: Found
    actions: tuple[Action, ...]


def _dead() -> Gone:
    return Gone(
        "This link cannot be used (any more).",
        mend="Use the newest message you got, or ask for a new link: it goes to the address that we know.",
    )


async def _held(context: AppContext, token: str) -> Held:
    """The live link behind a token, or :class:`Gone`, always the same."""
    link_id = context.links.link_id(token)
    if link_id is None:
        raise _dead()
    async with context.database.transaction() as session:
        row = await links.find(session, link_id)
        found = await onboardings.one(session, row.onboarding_id) if row else None
    if row is None or found is None or row.used_at or row.revoked_at or row.expires_at <= datetime.now(UTC):
        raise _dead()
    record = found.progress.steps.get(row.step)
    if record is None or record.attempt != row.attempt:
        raise _dead()
    mine = tuple(
        action
        for action in engine.actions(found.case, found.progress, row.step)
        if action.by_link and Party(row.party) in action.allowed_for
    )
    return Held(row, found, mine)


@router.get("/l/{token}", response_model=LinkView)
async def show(token: str, request: Request, context: Context, _: Holder) -> Response:
    """What the link asks for. Changes nothing, however often it is opened."""
    try:
        held = await _held(context, token)
    except Gone:
        return _refused(request, token)
    if pages.wanted(request):
        return pages.asking(request, held.row, held.found, held.actions)
    view = LinkView(
        provider=held.found.provider_name,
        partner=held.found.case.playbook.name,
        step=held.row.step,
        title=held.found.case.step(held.row.step).title.in_(held.row.language),
        recipient=held.row.recipient_name,
        expires_at=held.row.expires_at,
        actions=[LinkActionView(name=action.name, body_schema=_schema(action)) for action in held.actions],
    )
    return JSONResponse(view.model_dump(mode="json", by_alias=True))


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
        accepted = await _carry_out(context, held, name, body)
    except Gone:
        return _refused(request, token)
    except RacordError as refusal:
        if not pages.wanted(request):
            raise
        return pages.asking(request, held.row, held.found, held.actions, refused=(name, body, refusal))
    if pages.wanted(request):
        return pages.answered(request, held.row, held.found, name, recorded=accepted)
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
            "detail": "If this link was ours, a new one is on its way to the address we know.",
        },
        202,
    )


async def _renew(context: AppContext, link_id: str) -> None:
    async with context.database.transaction() as session:
        row = await links.find(session, link_id)
        newest = await links.newest_like(session, row) if row else None
    if row is None or newest is None or datetime.now(UTC) - newest.created_at < RENEW_AFTER:
        return
    command = StepCommand(
        command_id=f"renew-{newest.id}",  # one mail, however many old links are pressed at once
        step=row.step,
        action=REMIND.name,
        body={"to": row.recipient_role},
        actor=Actor(kind="link", id=link_id, name=row.recipient_name, role=row.recipient_role),
        party=Party.US,
        digest=newest.id,
    )
    with suppress(RacordError):
        await carry(context, row.onboarding_id, command)


async def _decision(request: Request, held: Held) -> tuple[str, dict[str, Any]]:
    """The action named and its body, from JSON or from the page's form."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        form = await request.form()
        name = str(form.get("action", ""))
        schema = next((_schema(action) for action in held.actions if action.name == name), {})
        items = [
            (key, value) for key, value in form.multi_items() if key != "action" and isinstance(value, str)
        ]
        return name, body_from_form(schema, items)
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


async def _carry_out(context: AppContext, held: Held, name: str, body: dict[str, Any]) -> bool:
    """True where it is recorded, False where it is taken down only; a second, other answer meets a dead link."""
    command = StepCommand(
        command_id=f"link-{held.row.id}",
        step=held.row.step,
        action=name,
        body=body,
        actor=Actor(
            kind="link",
            id=held.row.id,
            name=str(body.get("name", ""))[:120],
            role=str(body.get("role", ""))[:120],
        ),
        party=Party(held.row.party),
        link_id=held.row.id,
        attempt=held.row.attempt,
        digest=hashlib.sha256(json.dumps([name, body], sort_keys=True).encode()).hexdigest(),
    )
    try:
        return await carry(context, held.row.onboarding_id, command) is not None
    except Invalid as refusal:
        if refusal.reason == "idempotency-mismatch":
            raise _dead() from refusal
        raise


def _refused(request: Request, token: str) -> Response:
    if pages.wanted(request):
        return pages.dead(request, renew_href=f"/l/{token}/renew")
    raise _dead()


def _schema(action: Action) -> dict[str, Any]:
    assert action.body is not None
    return action.body.model_json_schema()
