"""Who stands in for an account manager who is away."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from adapters.database import people, substitutions
from api import people_view as view
from api.access import not_found
from api.context import Context
from api.idempotency import Once
from api.routes.people import HERE, ManagerId, PeopleManager
from api.schemas.catalogue import ID
from api.schemas.people import NewSubstitution, SubstitutionPage, SubstitutionView, Why

router = APIRouter(tags=["account managers"])
THERE = f"{HERE}/substitutions"
SubstitutionId = Annotated[str, Path(pattern=ID, examples=["sub_3k9d0m2x7q4w8z1v5b6n"])]


@router.post(THERE, status_code=201, response_model=SubstitutionView)
async def add(
    account_manager_id: ManagerId,
    wanted: NewSubstitution,
    context: Context,
    principal: PeopleManager,
    once: Once,
) -> Response:
    """Says who acts from the first day to the last. Days that another has already are refused."""

    async def work() -> SubstitutionView:
        made = await substitutions.add(
            session,
            account_manager_id,
            wanted.substitute_id,
            wanted.first_day,
            wanted.last_day,
            reason=wanted.reason,
            by=principal.actor,
        )
        return SubstitutionView.of(made, (await people.one(session, made.substitute_id)).name)

    async with context.database.transaction() as session:
        return await once.once(session, principal, work)


@router.get(THERE)
async def listing(
    account_manager_id: ManagerId, context: Context, principal: PeopleManager
) -> SubstitutionPage:
    """All there ever were, also those taken away; the latest first."""
    async with context.database.transaction() as session:
        return SubstitutionPage(items=await view.substitutes(session, account_manager_id))


@router.delete(f"{THERE}/{{substitution_id}}", status_code=204, response_class=Response)
async def remove(
    account_manager_id: ManagerId,
    substitution_id: SubstitutionId,
    reason: Annotated[Why, Query(description="why; it is kept with your name")],
    context: Context,
    principal: PeopleManager,
) -> Response:
    """Takes it away: from now on the person acts again. It stays in the list, with who took it away, when and why."""
    async with context.database.transaction() as session:
        await people.one(session, account_manager_id)
        if not await substitutions.end(
            session, account_manager_id, substitution_id, reason=reason, by=principal.actor
        ):
            raise not_found("substitution", substitution_id)
    return Response(status_code=204)
