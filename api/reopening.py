"""`POST …/reopen?dry_run=true`: what doing a step again would undo, or the refusal that the call itself would meet."""

from datetime import UTC, datetime
from typing import Any

from adapters.database.onboardings import Found
from api.access import Principal
from api.carry import must_be_open
from api.schemas.onboardings import ReopenPreview
from domain import progress as engine
from domain.commands import Reopen, StepCommand

NOT_SAID_YET = "(not said yet)"  # in place of the reason: one that only looks need give none


def preview(found: Found, principal: Principal, key: str, body: dict[str, Any]) -> ReopenPreview:
    """The engine's own answer on what is stored; nothing is written."""
    must_be_open(found)
    command = StepCommand(
        command_id="dry-run",
        step=key,
        action=Reopen.NAME,
        body={"reason": NOT_SAID_YET, **body},
        actor=principal.actor,
        party=principal.party,
    )
    now = datetime.now(UTC)
    engine.answer(found.case, found.progress, command, now)
    undone = engine.invalidated_by_reopening(found.case, found.progress, key, now)
    return ReopenPreview(step=key, invalidates=list(undone))
