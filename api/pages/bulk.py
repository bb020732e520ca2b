"""One thing done to many items of the inbox: first what it would do, then a result for each (R21)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from adapters.database import onboardings
from api.access import Policy, Principal, allow
from api.assigning import with_people
from api.context import AppContext, Context
from api.pages.calls import ONCE_FIELD, call_api
from api.pages.fields import form_fields
from api.pages.forms import body_from_form, grouped
from api.pages.reader import Reader, reader_of
from api.pages.rendering import render
from api.problems import Problem
from api.schemas.tasks_bulk import BODIES, MOST, BulkAnswer, BulkResult
from domain.errors import N_

router = APIRouter(include_in_schema=False)
Steering = Annotated[Principal, Depends(allow(Policy.STEER_ONBOARDING))]
HREF = "/api/v1/tasks/bulk"
RESULTS = {
    "done": N_("Done"),
    "accepted": N_("Taken down"),
    "refused": N_("Not possible"),
    "would_do": N_("Possible"),
}


@router.post("/tasks/bulk")
async def bulk(request: Request, context: Context, principal: Steering) -> Response:
    """Asks for what is missing, shows what it would do, and does it when that was confirmed."""
    form = await request.form()
    items = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    own = dict(items)
    chosen = [_item(value) for name, value in items if name == "item"][:MOST]
    if own.get("action") not in BODIES or not chosen:
        return RedirectResponse("/tasks", 303)
    schema = await _schema(context, own["action"])
    is_asked = "_asked" in own or not schema.get("required")
    answer: BulkAnswer | None = None
    problem: Problem | None = None
    if is_asked:
        body = {"action": own["action"], "items": chosen, "body": body_from_form(schema, items)}
        href = HREF if "_do" in own else f"{HREF}?dry_run=true"
        called = await call_api(request, "POST", href, body, once=own.get(ONCE_FIELD, ""))
        problem, answer = called.problem, BulkAnswer(**called.body) if called.body else None
    reader = reader_of(request)
    return render(
        request,
        "tasks_bulk.html",
        status=problem.status if problem else 200,
        action=own["action"],
        label=reader.action(own["action"]),
        rows=await _rows(context, principal, chosen, answer.items if answer else (), reader),
        form=form_fields(
            schema,
            reader.language,
            prefix="bulk",
            typed=grouped(items) if is_asked else None,
            errors=_of_body(problem, own["action"]),
        ),
        answer=answer,
        can_do=answer.totals.get("would_do", 0) if answer else 0,
        is_done=answer is not None and "_do" in own,
        problem=problem,
    )


def _item(value: str) -> dict[str, str]:
    onboarding_id, _, step = value.partition(" ")
    return {"onboarding_id": onboarding_id, **({"step": step} if step else {})}


def _of_body(problem: Problem | None, action: str) -> list[dict[str, str]]:
    """The mistakes, each at the field of the form: the API counts from the whole call."""
    start = f"{action}."
    errors = problem.errors if problem else []
    return [{**one, "field": one["field"].removeprefix(start)} for one in errors]


async def _schema(context: AppContext, action: str) -> dict[str, Any]:
    schema = BODIES[action].model_json_schema()
    if action != "assign":
        return schema
    async with context.database.transaction() as session:
        return await with_people(session, schema, "account_manager_id")


async def _rows(
    context: AppContext,
    principal: Principal,
    chosen: Sequence[Mapping[str, str]],
    results: Sequence[BulkResult],
    reader: Reader,
) -> list[dict[str, Any]]:
    """What was chosen, as far as this reader may see it."""
    async with context.database.transaction() as session:
        found = await onboardings.several(session, {one["onboarding_id"] for one in chosen})
    rows = []
    for number, one in enumerate(chosen):
        its = found.get(one["onboarding_id"])
        if its is None or principal.provider_id not in (None, its.row.provider_id):
            continue
        step = its.case.playbook.step(one.get("step", ""))
        result = results[number] if results else None
        rows.append(
            {
                "item": " ".join(one.values()),
                "provider": its.provider_name,
                "partner": its.case.playbook.name,
                "title": step.title.in_(reader.language) if step else None,
                "result": result,
                "said": reader.said(RESULTS[result.result]) if result else "",
            }
        )
    return rows
