"""Holding, resuming and cancelling an onboarding, with a reason. This router comes last of those of the onboardings."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.access import Principal
from api.carry import answered, carry, command_id, must_reach
from api.context import AppContext, Context
from api.idempotency import Once, OnceKey
from api.routes.onboardings import OnboardingId, Steerer
from api.schemas.onboardings import Acknowledged, Hold, Reason
from domain.commands import Accepted, StatusCommand, Verb

router = APIRouter(tags=["onboardings"])
OtherVerb = Literal[Verb.RESUME, Verb.CANCEL]


@router.post("/onboardings/{onboarding_id}/hold", response_model=Accepted | Acknowledged)
async def hold(
    onboarding_id: OnboardingId, wanted: Hold, context: Context, principal: Steerer, once: Once
) -> BaseModel | Response:
    """Puts it on hold, until a day or without a planned end; on hold already, with `until` it plans another end."""
    return await _steered(context, principal, onboarding_id, Verb.HOLD, wanted, once)


@router.post("/onboardings/{onboarding_id}/{verb}", response_model=Accepted | Acknowledged)
async def steer(
    onboarding_id: OnboardingId,
    verb: OtherVerb,
    reason: Reason,
    context: Context,
    principal: Steerer,
    once: Once,
) -> BaseModel | Response:
    """Resumes an onboarding, all clocks later by the working days of the hold; or cancels it for good.

    Provider and partner read the reason of a cancellation.
    """
    return await _steered(context, principal, onboarding_id, verb, reason, once)


async def _steered(
    context: AppContext, principal: Principal, onboarding_id: str, verb: Verb, said: Reason, once: OnceKey
) -> BaseModel | Response:
    await must_reach(context, principal, onboarding_id)
    command = StatusCommand(
        command_id=command_id(principal.id, once),
        verb=verb,
        reason=said.reason,
        until=said.until if isinstance(said, Hold) else None,
        actor=principal.actor,
        digest=once.digest,
    )
    return answered(onboarding_id, await carry(context, onboarding_id, command))
