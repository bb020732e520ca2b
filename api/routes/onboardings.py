"""Onboardings: start, read, act on their steps (DESIGN, HTTP contract)."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Query, Response
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError

from adapters.database import onboardings, records
from adapters.database.onboardings import Filter, Found
from api import meetings
from api import onboarding_view as view
from api.access import Policy, Principal, Reader, allow, not_found
from api.carry import answered, command_id, must_be_plain, must_reach
from api.context import AppContext, Context, Language
from api.evidence import behalf, must_be_proved, must_be_the_partners
from api.idempotency import Once, OnceKey
from api.opening import begin, open_onboarding
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.reminding import carry_within_limit
from api.reopening import preview
from api.requirements import each_as_it_stands
from api.schemas.catalogue import ID
from api.schemas.onboardings import (
    Acknowledged,
    EventPage,
    MailPage,
    OnboardingPage,
    OnboardingView,
    ReopenPreview,
    StartOnboarding,
    Status,
    Waiting,
)
from domain.commands import Accepted, Reopen, StepCommand
from domain.errors import Conflict
from domain.steps.appointment import ARRANGE
from domain.steps.confirm import ConfirmStep

router = APIRouter(tags=["onboardings"])

OnboardingId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
StepKey = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ActionName = Literal[
    "complete", "reject", "remind", "retry", "due", "skip", "arrange_meeting", "cancel_meeting"
]
StepActor = Annotated[Principal, Depends(allow(Policy.ACT_ON_STEP))]
Assignee = Annotated[
    str | None, Query(pattern=ID, description="an account manager's id; `none`: assigned to nobody")
]
Steerer = Annotated[Principal, Depends(allow(Policy.STEER_ONBOARDING))]


async def find(context: AppContext, principal: Principal, onboarding_id: str) -> Found:
    """The onboarding, or NotFound where there is none that this principal may see."""
    async with context.database.transaction() as session:
        found = await onboardings.one(session, onboarding_id)
    if found is None:
        raise not_found("onboarding", onboarding_id)
    principal.must_reach(found.row.provider_id, "onboarding", onboarding_id)
    return found


@router.post("/onboardings", status_code=201, response_model=OnboardingView)
async def start(
    wanted: StartOnboarding,
    context: Context,
    language: Language,
    principal: Annotated[Principal, Depends(allow(Policy.START_ONBOARDING))],
    once: Once,
) -> Response:
    """Starts the partner's playbook for a provider. 409 names the onboarding that is open on that channel already."""
    principal.must_reach(wanted.provider_id)
    await context.temporal.must_answer()
    started: list[str] = []

    async def work() -> OnboardingView:
        onboarding_id = await open_onboarding(session, context, principal, wanted)
        started.append(onboarding_id)
        found = await onboardings.one(session, onboarding_id)
        assert found is not None
        return await view.whole(session, context, principal, found, language, datetime.now(UTC))

    try:
        async with context.database.transaction() as session:
            response = await once.once(
                session,
                principal,
                work,
                headers=lambda made: {"location": f"{view.BASE}/onboardings/{made.id}"},
            )
    except IntegrityError as error:
        raise await _already_open(context, wanted) from error
    await begin(context, started)
    return response


async def _already_open(context: AppContext, wanted: StartOnboarding) -> Conflict:
    async with context.database.transaction() as session:
        other = await records.open_on_channel(session, wanted.provider_id, wanted.partner)
    return Conflict(
        "The onboarding “{other}” is already open on this channel.",
        mend="Go on with it, or cancel it before you start another.",
        code="already-open",
        other=other or "?",
    )


@router.get("/onboardings")
async def listing(
    context: Context,
    principal: Reader,
    status: Status | None = None,
    partner: Annotated[str | None, Query(max_length=64)] = None,
    waiting_on: Waiting | None = None,
    q: Annotated[str | None, Query(max_length=100, description="in the provider's name, or an id")] = None,
    assignee: Assignee = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> OnboardingPage:
    """Newest first."""
    words = q.replace("\0", "") if q else None
    chosen = Filter(status, partner, waiting_on, words, principal.provider_id, assignee)
    after: tuple[datetime, str] | None = read_cursor(cursor, datetime, str)
    async with context.database.transaction() as session:
        rows = await onboardings.listed(session, chosen, limit=limit + 1, after=after)
        shown = await each_as_it_stands(session, context, rows[:limit], datetime.now(UTC))
    more = len(rows) > limit
    last = rows[limit - 1].row if more else None
    return OnboardingPage(
        items=[view.brief(found) for found in shown],
        next_cursor=cursor_of(last.created_at, last.id) if last else None,
    )


@router.get("/onboardings/{onboarding_id}")
async def one(
    onboarding_id: OnboardingId, context: Context, language: Language, principal: Reader, response: Response
) -> OnboardingView:
    """Every waiting step carries its `actions`: who knows only this page can act."""
    found = await find(context, principal, onboarding_id)
    response.headers["ETag"] = f'"{found.row.revision}"'
    async with context.database.transaction() as session:
        return await view.whole(session, context, principal, found, language, datetime.now(UTC))


@router.get("/onboardings/{onboarding_id}/events")
async def events(
    onboarding_id: OnboardingId, context: Context, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> EventPage:
    """The history, newest first."""
    await find(context, principal, onboarding_id)
    before = read_cursor(cursor, int)
    async with context.database.transaction() as session:
        rows = await onboardings.history(
            session, onboarding_id, limit=limit + 1, before=before[0] if before else None
        )
    more = len(rows) > limit
    return EventPage(
        items=[view.event(row) for row in rows[:limit]],
        next_cursor=cursor_of(rows[limit - 1].id) if more else None,
    )


@router.get("/onboardings/{onboarding_id}/mails")
async def mails(onboarding_id: OnboardingId, context: Context, principal: Reader) -> MailPage:
    """Every message of the onboarding as the ledger knows it, oldest first."""
    await find(context, principal, onboarding_id)
    async with context.database.transaction() as session:
        rows = await onboardings.mails(session, onboarding_id)
    return MailPage(items=[view.mail(row) for row in rows], next_cursor=None)


@router.post(
    "/onboardings/{onboarding_id}/steps/{key}/reopen", response_model=ReopenPreview | Accepted | Acknowledged
)
async def reopen(
    onboarding_id: OnboardingId,
    key: StepKey,
    context: Context,
    principal: StepActor,
    once: Once,
    body: Annotated[dict[str, Any] | None, Body()] = None,
    dry_run: bool = False,
) -> BaseModel | Response:
    """Does a done step again. With `dry_run=true` only shows which steps would become stale, or refuses as the call would."""
    if not dry_run:
        return await _act(context, principal, onboarding_id, key, Reopen.NAME, body, once)
    must_be_plain(body or {})
    found = await find(context, principal, onboarding_id)
    return preview(found, principal, key, body or {})


@router.post("/onboardings/{onboarding_id}/steps/{key}/{action}", response_model=Accepted | Acknowledged)
async def act(
    onboarding_id: OnboardingId,
    key: StepKey,
    action: ActionName,
    context: Context,
    principal: StepActor,
    once: Once,
    body: Annotated[
        dict[str, Any] | None,
        Body(
            description="as the step's `actions` give its schema: `{evidence, note, on_behalf_of}` and what the kind adds",
            examples=[
                {
                    "evidence": {"document": "Contract 118/2026", "date": "2026-03-02"},
                    "note": "Signed in Cluj",
                }
            ],
        ),
    ] = None,
) -> BaseModel | Response:
    """Completes, rejects, reminds of, retries or skips a step, moves its due date, arranges its meeting. Answers when the read model shows it."""
    return await _act(context, principal, onboarding_id, key, action, body, once)


async def _act(
    context: AppContext,
    principal: Principal,
    onboarding_id: str,
    key: str,
    action: str,
    body: dict[str, Any] | None,
    once: OnceKey,
) -> BaseModel | Response:
    await must_reach(context, principal, onboarding_id)
    must_be_plain(body or {})
    other = behalf(body or {})
    if other and isinstance((await find(context, principal, onboarding_id)).case.step(key), ConfirmStep):
        must_be_the_partners(other)
    async with context.database.transaction() as session:
        await must_be_proved(session, onboarding_id, body or {})
    if action == ARRANGE:
        found = await find(context, principal, onboarding_id)
        body = meetings.prepared(found, key, body or {}, datetime.now(UTC))
    command = StepCommand(
        command_id=command_id(principal.id, once),
        step=key,
        action=action,
        body=body or {},
        actor=principal.actor,
        party=principal.party,
        digest=once.digest,
    )
    return answered(onboarding_id, await carry_within_limit(context, onboarding_id, command))
