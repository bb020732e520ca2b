"""“Why is this not bookable?”: one channel, its reasons with what mends them, and its services, page by page (R18–R20)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import CatalogueEditor, Policy, Principal
from api.access import Reader as Reading
from api.context import AppContext, Context
from api.pages.acting import Sent, attempt, not_offered
from api.pages.calls import Answered
from api.pages.offers import Attempted, Offer, offer
from api.pages.previews import has_dry_run
from api.pages.reasons import Line, Why, why
from api.pages.rendering import render
from api.paging import Cursor, cursor_of, read_cursor
from api.remedies import MOST_CHOICES, remedy_call
from api.routes.partners import Partner
from api.routes.providers import ProviderId
from api.schemas.onboardings import ActionView
from domain.facts import Remedy
from domain.readiness import ServiceReadiness

router = APIRouter(include_in_schema=False)
ROWS = 25
# By the rank that the explainer gives them.
STATES = ("blocked", "not_ticked", "deleted", "warning", "right")
# Their calls put a whole list in the place of another: with more services than a form shows, that would lose some.
WHOLE_LISTS = (Remedy.PUBLISH_SERVICES, Remedy.SET_PRICES)
Text = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True)
class Chosen:
    """What the reader filters the services by; an empty string is no filter."""

    href: str
    state: str = ""
    q: str = ""

    @property
    def any(self) -> bool:
        return bool(self.state or self.q)

    def fits(self, one: ServiceReadiness, state: str | None = None) -> bool:
        wanted, words = self.state if state is None else state, self.q.casefold()
        named = words in one.code.casefold() or words in one.name.casefold()
        return named and wanted in ("", STATES[one.rank])

    def query(self, **other: str) -> str:
        """The page's address with these filters, some of them other."""
        said = {"state": self.state, "q": self.q, **other}
        chosen = {name: value for name, value in said.items() if value}
        return f"{self.href}?{urlencode(chosen)}#services" if chosen else f"{self.href}#services"


@dataclass(frozen=True)
class Row:
    """A service with its reasons."""

    service: ServiceReadiness
    lines: Sequence[Line]

    @property
    def state(self) -> str:
        return STATES[self.service.rank]


@router.get("/providers/{provider_id}/channels/{slug}/readiness")
async def show(
    provider_id: ProviderId,
    slug: Partner,
    request: Request,
    context: Context,
    principal: Reading,
    state: Text = "",
    q: Text = "",
    cursor: Cursor = None,
    said: Text = "",
) -> Response:
    """The channel's verdict and reasons; the services, those that somebody has to look after first."""
    seen = await why(request, context, principal, provider_id, slug)
    chosen = Chosen(seen.href, state if state in STATES else "", q.replace("\0", "").strip())
    return await _page(request, context, principal, seen, chosen, cursor=cursor, said=said)


@router.post("/providers/{provider_id}/channels/{slug}/readiness")
async def mend(
    provider_id: ProviderId, slug: Partner, request: Request, context: Context, principal: CatalogueEditor
) -> Response:
    """Makes the call of one of the page's forms, or shows what it would lead to."""
    seen, sent = await why(request, context, principal, provider_id, slug), await Sent.by(request)
    action = await _action(context, seen, sent.name)
    came = await attempt(request, context, sent, action)
    if isinstance(came, Answered):
        return RedirectResponse(f"{seen.href}?said=saved#main", 303)
    return await _page(request, context, principal, seen, Chosen(seen.href), attempted=came)


async def _page(
    request: Request,
    context: AppContext,
    principal: Principal,
    seen: Why,
    chosen: Chosen,
    *,
    cursor: str | None = None,
    said: str = "",
    attempted: Attempted | None = None,
) -> Response:
    after = read_cursor(cursor, int, str, str)
    fitting = [one for one in seen.found.services if chosen.fits(one)]
    rest = [one for one in fitting if after is None or (one.rank, one.code, one.id) > after]
    rows = [Row(one, seen.told(one.reasons)) for one in rest[:ROWS]]
    last = rest[ROWS - 1] if len(rest) > ROWS else None
    lines, problem = seen.lines, attempted.problem if attempted else None
    wanted = _forms([*lines, *(line for row in rows for line in row.lines)], attempted)
    offers = {
        remedy: await _offer(request, context, seen, remedy, attempted)
        for remedy in wanted
        if principal.may(Policy.EDIT_CATALOGUE)
    }
    return render(
        request,
        "readiness.html",
        status=problem.status if problem else 200,
        seen=seen,
        lines=lines,
        rows=rows,
        chosen=chosen,
        counts=_counts(seen, chosen),
        states=STATES,
        offers=offers,
        is_first=cursor is None,
        next_href=chosen.query(cursor=cursor_of(last.rank, last.code, last.id)) if last else None,
        said=said == "saved",
    )


def _counts(seen: Why, chosen: Chosen) -> Mapping[str, int]:
    """How many services the words find, by state; under ``""`` all of them."""
    found = Counter(STATES[one.rank] for one in seen.found.services if chosen.fits(one, ""))
    return {"": found.total(), **found}


def _forms(lines: Sequence[Line], attempted: Attempted | None) -> list[Remedy]:
    """The forms that the page needs, each once: what the reasons ask for, and the one that was just sent."""
    wanted = [line.mend.form for line in lines if line.mend and line.mend.form]
    wanted += [Remedy(attempted.action)] if attempted else []
    return list(dict.fromkeys(wanted))


async def _action(context: AppContext, seen: Why, name: str) -> ActionView:
    if name not in set(Remedy):
        raise not_offered(seen.reader.action(name))
    async with context.database.transaction() as session:
        return await _call(context, session, seen, Remedy(name))


async def _call(context: AppContext, session: AsyncSession, seen: Why, remedy: Remedy) -> ActionView:
    provider_id, slug = seen.teller.provider.id, seen.teller.slug
    call = await remedy_call(remedy, session, context, provider_id, slug, seen.reader.language)
    return ActionView(
        name=call.name, method=call.method, href=call.href, body_schema=call.body_schema, allowed_for=[]
    )


async def _offer(
    request: Request, context: AppContext, seen: Why, remedy: Remedy, attempted: Attempted | None
) -> Offer | None:
    """None where there are too many services for a form."""
    services = [one for one in seen.snapshot.services or () if one.deleted is None]
    if remedy in WHOLE_LISTS and len(services) > MOST_CHOICES:
        return None
    async with context.database.transaction() as session:
        action = await _call(context, session, seen, remedy)
    more: dict[str, Any] = {"previews": has_dry_run(request.app, action.method, action.href)}
    ticked = [one.id for one in services if one.ticked]
    if remedy is Remedy.PUBLISH_SERVICES and ticked:
        more["values"] = {"service_ids": ticked}
    if remedy is Remedy.ACCEPT_CONSENT:
        playbook = context.playbooks.get(seen.teller.slug)
        more["declaration"] = context.declarations.in_force(playbook, seen.reader.language)
    return offer("", "", action, seen.reader, attempted, **more)
