"""The inbox: every step that waits on somebody, longest first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import onboardings
from adapters.database.tables import OnboardingRow, StepRow
from api.access import Principal
from api.access import Reader as Reading
from api.context import Context, Language
from api.pages.listing import PARTIES, ROWS
from api.pages.rendering import render
from api.paging import Cursor, cursor_of, read_cursor

router = APIRouter(include_in_schema=False)


@router.get("/tasks")
async def tasks(
    request: Request,
    context: Context,
    language: Language,
    principal: Reading,
    waiting_on: Annotated[str, Query(max_length=20)] = "",
    cursor: Cursor = None,
) -> Response:
    """What is to be done, by whom, and where to do it."""
    party = waiting_on if waiting_on in PARTIES else ""
    after: tuple[datetime, str, str] | None = read_cursor(cursor, datetime, str, str)
    async with context.database.transaction() as session:
        found = await onboardings.tasks(
            session, waiting_on=party or None, provider_id=principal.provider_id, limit=ROWS + 1, after=after
        )
        counts = await _counts(session, principal)
    last = found[ROWS - 1][0] if len(found) > ROWS else None
    return render(
        request,
        "tasks.html",
        tasks=[
            {
                "onboarding_id": one.row.id,
                "provider": one.provider_name,
                "partner": one.case.playbook.name,
                "key": step.key,
                "title": one.case.step(step.key).title.in_(language),
                "step": step,
                "blocker": one.progress.steps[step.key].blocker,
            }
            for step, one in found[:ROWS]
        ],
        party=party,
        counts={"": sum(counts.values()), **counts},
        parties=PARTIES,
        is_first=cursor is None,
        next_cursor=cursor_of(last.since, last.onboarding_id, last.key) if last else None,
    )


async def _counts(session: AsyncSession, principal: Principal) -> Mapping[str, int]:
    ask = (
        select(StepRow.waiting_on, func.count())
        .join(OnboardingRow, OnboardingRow.id == StepRow.onboarding_id)
        .where(StepRow.waiting_on.is_not(None), OnboardingRow.status == "in_progress")
        .group_by(StepRow.waiting_on)
    )
    if principal.provider_id:
        ask = ask.where(OnboardingRow.provider_id == principal.provider_id)
    return {party: count for party, count in (await session.execute(ask)) if party}
