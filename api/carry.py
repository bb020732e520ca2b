"""Carries a person's command to the onboarding's workflow, whatever state the two stores are in."""

import hashlib
import secrets
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic_core import from_json, to_json

from adapters.database import onboardings, records
from adapters.database.onboardings import Found
from adapters.temporal import NoAnswer, NoSuchWorkflow
from api.access import Principal, not_found
from api.context import AppContext
from api.idempotency import OnceKey, must_match
from api.schemas.onboardings import Acknowledged
from domain.commands import Accepted, StatusCommand, StepCommand
from domain.errors import Invalid, TooLate

# More than any form of ours can say. A longer body could not be refused by the workflow: its refusal would not fit.
LONGEST_BODY = 64 * 1024


def command_id(principal_id: str, once: OnceKey) -> str:
    """The Update's id: the caller's Idempotency-Key, kept apart from other callers' keys."""
    if once.key is None:
        return secrets.token_hex(16)
    return hashlib.sha256(f"{principal_id}\0{once.key}".encode()).hexdigest()[:40]


def must_be_plain(body: dict[str, Any]) -> None:
    """Raises Invalid where a workflow could not read the body or answer it: half characters, deep nests, novels."""
    try:
        content = to_json(body)
        from_json(content)
    except ValueError as error:
        raise Invalid(
            "The body cannot be read.", mend="Send plain UTF-8 texts, not nested deeply."
        ) from error
    if len(content) > LONGEST_BODY:
        raise Invalid(
            "The body is longer than {most} bytes.",
            mend="Say it shorter, or name a document.",
            most=LONGEST_BODY,
        )


async def must_reach(context: AppContext, principal: Principal, onboarding_id: str) -> None:
    """Raises NotFound where the onboarding belongs to a provider that the principal may not see."""
    if principal.provider_id is None:
        return
    async with context.database.transaction() as session:
        owner = await onboardings.provider_of(session, onboarding_id)
    if owner != principal.provider_id:
        raise not_found("onboarding", onboarding_id)


async def carry(
    context: AppContext, onboarding_id: str, command: StepCommand | StatusCommand
) -> Accepted | None:
    """The workflow's answer; None where no worker answered in time (the command may still be carried out).

    A workflow that Temporal does not know is started from what Postgres knows of it, and asked again.
    """
    try:
        accepted = await _ask(context, onboarding_id, command)
    except NoAnswer:
        return None
    must_match(accepted.digest, command.digest)
    return accepted


async def _ask(context: AppContext, onboarding_id: str, command: StepCommand | StatusCommand) -> Accepted:
    try:
        return await context.temporal.command(onboarding_id, command)
    except NoSuchWorkflow:
        await _start_again(context, onboarding_id, command)
        return await context.temporal.command(onboarding_id, command)


async def _start_again(context: AppContext, onboarding_id: str, command: StepCommand | StatusCommand) -> None:
    async with context.database.transaction() as session:
        start = await records.load_start(session, onboarding_id)
        found = None if start else await onboardings.one(session, onboarding_id)
    if start is not None:
        await context.temporal.start(start)
    elif found is None:
        raise not_found("onboarding", onboarding_id)
    else:
        raise _ended(found)


def must_be_open(found: Found) -> None:
    """Raises what a command to an onboarding that is over meets, which has no workflow any more."""
    if not found.progress.status.is_open:
        raise _ended(found)


def _ended(found: Found) -> TooLate:
    return TooLate(
        "The onboarding is {status}.",
        mend="Nothing can be done in it any more; start a new one if it is needed.",
        code="onboarding-ended",
        status=found.progress.status,
    )


def answered(onboarding_id: str, accepted: Accepted | None) -> BaseModel | Response:
    """What the caller reads: the revision, or 202 where nobody is at work."""
    if accepted is not None:
        return accepted
    href = f"/api/v1/onboardings/{onboarding_id}"
    return JSONResponse(Acknowledged(href=href).model_dump(), 202, {"location": href})
