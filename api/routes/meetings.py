"""When both parties of a joint test can meet (R12)."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api import meetings
from api.access import Reader
from api.context import Context
from api.routes.onboardings import OnboardingId, StepKey, find
from api.schemas.meetings import MeetingTimes
from domain.steps.appointment import LONGEST, SHORTEST

router = APIRouter(tags=["onboardings"])


@router.get("/onboardings/{onboarding_id}/steps/{key}/meeting-times")
async def meeting_times(
    onboarding_id: OnboardingId,
    key: StepKey,
    context: Context,
    principal: Reader,
    minutes: Annotated[
        int | None, Query(ge=SHORTEST, le=LONGEST, description="else as long as the playbook says")
    ] = None,
) -> MeetingTimes:
    """Proposals for the meeting of the step: within the working hours of both parties, on the clock of each."""
    found = await find(context, principal, onboarding_id)
    plan = meetings.plan_of(found, key)
    return MeetingTimes(items=meetings.times(found, minutes or plan.minutes, datetime.now(UTC)))
