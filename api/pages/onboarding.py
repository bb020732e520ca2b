"""One onboarding: what is waited for, what can be done about it, what happened. Acting is a call of the API."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from adapters.database import bounce_lists, onboardings
from adapters.database.bounce_lists import Chosen
from adapters.database.onboardings import Found
from api import onboarding_view
from api.access import Principal
from api.access import Reader as Reading
from api.carry import command_id
from api.context import AppContext, Context, Language
from api.idempotency import OnceKey
from api.pages import history, onboarding_cards, onboarding_links, reasons, waiting
from api.pages.acting import CLOSING, Sent, attempt, not_offered
from api.pages.calls import Answered
from api.pages.offers import Attempted
from api.pages.reader import reader_of
from api.pages.rendering import render
from api.pages.told_again import telling_us
from api.problems import problem_of
from api.routes.onboardings import OnboardingId, find
from api.schemas.onboardings import ActionView, OnboardingView

router = APIRouter(include_in_schema=False)
LATEST, ALL = 60, 500
SAID = ("done", "saved", "taken", "started")


@router.get("/onboardings/{onboarding_id}")
async def show(
    onboarding_id: OnboardingId,
    request: Request,
    context: Context,
    principal: Reading,
    said: Annotated[str, Query(max_length=20)] = "",
    history: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """The whole onboarding on one page."""
    found = await find(context, principal, onboarding_id)
    return await _page(request, context, principal, found, said=said, whole_history=history == "all")


@router.post("/onboardings/{onboarding_id}/act", dependencies=[CLOSING])
async def act(
    onboarding_id: OnboardingId, request: Request, context: Context, language: Language, principal: Reading
) -> Response:
    """Does what one of the page's forms asks for."""
    found = await find(context, principal, onboarding_id)
    view = await _view(context, principal, found, language)
    sent = await Sent.by(request)
    action = _offered(found, view, sent.step, sent.name)
    if action is None:
        if await _was_carried_out(context, principal, onboarding_id, sent.once):
            return _back(onboarding_id, "done")
        refusal = problem_of(not_offered(reader_of(request).action(sent.name)), language)
        refused = Attempted(sent.step, sent.name, {}, refusal)
    else:
        came = await attempt(request, context, sent, action)
        if isinstance(came, Answered):
            return _back(onboarding_id, _what_happened(came, action))
        refused = came
    found = await find(context, principal, onboarding_id)
    return await _page(request, context, principal, found, attempted=refused)


async def _view(context: AppContext, principal: Principal, found: Found, language: str) -> OnboardingView:
    async with context.database.transaction() as session:
        return await onboarding_view.whole(session, context, principal, found, language, datetime.now(UTC))


async def _page(
    request: Request,
    context: AppContext,
    principal: Principal,
    found: Found,
    *,
    said: str = "",
    whole_history: bool = False,
    attempted: Attempted | None = None,
) -> Response:
    reader, problem = reader_of(request), attempted.problem if attempted else None
    view = await _view(context, principal, found, reader.language)
    most = ALL if whole_history else LATEST
    async with context.database.transaction() as session:
        events = await onboardings.history(session, found.row.id, limit=most + 1, before=None)
        mails = await onboardings.mails(session, found.row.id)
        marks = Chosen(onboarding_id=found.row.id, unresolved=True)
        bounces = await bounce_lists.listed(session, marks, limit=LATEST)
        connection = await onboarding_links.connected(session, found.row.id)
        earlier = await onboarding_links.earlier(session, found.row.id, found.case, reader.language)
        spent = await waiting.spent(session, found, reader, datetime.now(UTC))
    lines = history.lines(events[:most], found.case, reader.language)
    cards = onboarding_cards.cards(request.app, context, found, view, reader, attempted)
    steering = onboarding_cards.steering(view, reader, attempted)
    offers = [*steering, *(offer for card in cards for offer in card.offers)]
    return render(
        request,
        "onboarding.html",
        status=problem.status if problem else 200,
        view=view,
        cards=cards,
        current=[card for card in cards if card.is_current],
        steering=steering,
        diagrams=onboarding_cards.diagrams(view),
        mails=[_mail(row) for row in reversed(mails)],
        bounces=bounces,
        events=[line for line in lines if whole_history or not line.quiet],
        has_more_events=len(events) > most or (not whole_history and any(line.quiet for line in lines)),
        why=await reasons.of_onboarding(request, context, principal, found),
        connection=connection,
        earlier=earlier,
        spent=spent,
        said=said if said in SAID else "",
        problem=problem,
        is_shown_at_form=any(offer.problem for offer in offers),
    )


def _mail(row: Any) -> dict[str, Any]:
    shown = {
        name: getattr(row, name)
        for name in ("subject", "state", "answer", "created_at", "settled_at", "template", "tries")
    }
    return {**shown, "to": _addresses(row.recipients), "cc": _addresses(row.copies)}


def _addresses(kept: list[Any]) -> str:
    return ", ".join(str(one.get("email", "")) if isinstance(one, dict) else str(one) for one in kept)


def _offered(found: Found, view: OnboardingView, step: str, name: str) -> ActionView | None:
    chosen = [one for one in view.steps if one.key == step]
    actions = [action for one in chosen for action in (*one.actions, telling_us(found, one))]
    return next(
        (action for action in (actions if step else view.actions) if action and action.name == name), None
    )


async def _was_carried_out(context: AppContext, principal: Principal, onboarding_id: str, once: str) -> bool:
    """Whether it was this very form that moved things on: a double click, or a page sent again."""
    if not once:
        return False
    sent = command_id(principal.id, OnceKey(key=once[:200], digest=""))
    async with context.database.transaction() as session:
        return await onboardings.event_of_command(session, onboarding_id, sent) is not None


def _what_happened(answer: Answered, action: ActionView) -> str:
    if answer.status == 202:
        return "taken"
    return "done" if "/onboardings/" in action.href else "saved"


def _back(onboarding_id: str, said: str) -> Response:
    # A browser would keep the form's own place, which may be gone: the top says what happened.
    return RedirectResponse(f"/onboardings/{onboarding_id}?said={said}#main", 303)
