"""Whose an onboarding is. Its router comes before that of the onboardings, whose verbs would take the address."""

from fastapi import APIRouter, Response

from adapters.database import assignments, onboardings
from api import onboarding_view as view
from api.access import not_found
from api.carry import must_reach
from api.context import Context
from api.idempotency import Once
from api.routes.onboardings import OnboardingId, Steerer
from api.schemas.people import Assign, Assigned

router = APIRouter(tags=["onboardings"])


@router.post("/onboardings/{onboarding_id}/assign", response_model=Assigned)
async def assign(
    onboarding_id: OnboardingId, wanted: Assign, context: Context, principal: Steerer, once: Once
) -> Response:
    """Gives an open or live onboarding to an account manager, or to nobody; it works with no worker running too."""
    await must_reach(context, principal, onboarding_id)

    async def work() -> Assigned:
        await assignments.assign(
            session, onboarding_id, wanted.account_manager_id, by=principal.actor, reason=wanted.reason
        )
        found = await onboardings.one(session, onboarding_id)
        if found is None:
            raise not_found("onboarding", onboarding_id)
        return Assigned(
            assignee=view.person(found.assignee),
            acting=view.person(found.acting),
            revision=found.row.revision,
        )

    async with context.database.transaction() as session:
        return await once.once(session, principal, work, status=200)
