"""Starting an onboarding: which provider, with which partner."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from adapters.database import records
from adapters.database.tables import Provider
from api.access import Policy, Principal, allow
from api.context import AppContext, Context
from api.pages.calls import ONCE_FIELD, Answered, call_api
from api.pages.forms import Typed, body_from_form, grouped
from api.pages.rendering import render
from api.schemas.onboardings import StartOnboarding

router = APIRouter(include_in_schema=False)
Starter = Annotated[Principal, Depends(allow(Policy.START_ONBOARDING))]
MOST_PROVIDERS = 1000


@router.get("/onboardings/new")
async def ask(request: Request, context: Context, principal: Starter) -> Response:
    """The form."""
    return await _page(request, context, principal)


@router.post("/onboardings/new")
async def start(request: Request, context: Context, principal: Starter) -> Response:
    """Starts it, and goes there."""
    form = await request.form()
    items = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    body = body_from_form(await _schema(context, principal), items)
    once = dict(items).get(ONCE_FIELD, "")
    answer = await call_api(request, "POST", "/api/v1/onboardings", body, once=once)
    if answer.problem is None:
        return RedirectResponse(f"/onboardings/{answer.body['id']}?said=started", 303)
    return await _page(
        request, context, principal, answer, grouped(items), await _open_one(context, principal, body)
    )


async def _page(
    request: Request,
    context: AppContext,
    principal: Principal,
    answer: Answered | None = None,
    typed: Typed | None = None,
    open_id: str | None = None,
) -> Response:
    schema = await _schema(context, principal)
    return render(
        request,
        "new.html",
        status=answer.status if answer else 200,
        schema=schema,
        typed=typed,
        problem=answer.problem if answer else None,
        open_id=open_id,
        has_providers=bool(schema["properties"]["provider_id"]["oneOf"]),
    )


async def _schema(context: AppContext, principal: Principal) -> dict[str, Any]:
    """The body's schema, with the providers and partners there are to choose from."""
    ask = select(Provider.id, Provider.name).order_by(Provider.name, Provider.id).limit(MOST_PROVIDERS)
    if principal.provider_id:
        ask = ask.where(Provider.id == principal.provider_id)
    async with context.database.transaction() as session:
        providers = (await session.execute(ask)).all()
    schema = StartOnboarding.model_json_schema()
    schema["properties"]["provider_id"]["oneOf"] = [{"const": id, "title": name} for id, name in providers]
    schema["properties"]["partner"]["oneOf"] = [
        {"const": one.slug, "title": one.name} for one in context.playbooks
    ]
    return schema


async def _open_one(context: AppContext, principal: Principal, body: dict[str, Any]) -> str | None:
    """The onboarding that is open on this channel, where that is what stands in the way."""
    provider_id, partner = str(body.get("provider_id", "")), str(body.get("partner", ""))
    if principal.provider_id not in (None, provider_id):
        return None
    async with context.database.transaction() as session:
        return await records.open_on_channel(session, provider_id, partner)
