"""Reminding, assigning and holding many at once, from the inbox."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Policy, Principal, allow
from api.bulk import BulkCall
from api.context import Context, Language
from api.idempotency import Once
from api.schemas.tasks_bulk import BulkAnswer, BulkBody

router = APIRouter(tags=["tasks"])
Steerer = Annotated[Principal, Depends(allow(Policy.STEER_ONBOARDING))]


@router.post("/tasks/bulk")
async def bulk(
    wanted: BulkBody,
    context: Context,
    language: Language,
    principal: Steerer,
    once: Once,
    dry_run: bool = False,
) -> BulkAnswer:
    """Answers 200 with a result for each item: one that is refused stops no other. With `dry_run=true` nothing is done."""
    return await BulkCall.of(context, principal, language, wanted, once).answer(dry_run=dry_run)
