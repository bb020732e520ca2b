"""A link to a step of an onboarding: its holder confirms, rejects or records a test result (R11–R13)."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import onboardings
from adapters.database.onboardings import Found
from adapters.database.tables import LinkRow
from api.carry import carry
from api.context import AppContext
from api.held_link import HeldLink, Refused, dead
from api.pages import signed as pages
from api.schemas.links import LinkView
from domain import progress as engine
from domain.commands import StepCommand, Verb
from domain.errors import Invalid, RacordError
from domain.model import Actor, OnboardingStatus, Party
from domain.steps.base import REMIND, Action


@dataclass(frozen=True)
class HeldStep(HeldLink):
    """``paused_by`` is who put the onboarding on hold; None where it goes on."""

    row: LinkRow
    found: Found
    actions: tuple[Action, ...]
    paused_by: str | None = None

    def view(self) -> LinkView:
        return LinkView(
            provider=self.found.provider_name,
            partner=self.found.case.playbook.name,
            step=self.row.step,
            title=self.found.case.step(self.row.step).title.in_(self.row.language),
            recipient=self.row.recipient_name,
            expires_at=self.row.expires_at,
            actions=self.action_views(),
            on_hold=self.paused_by is not None,
        )

    def asking(self, request: Request, refused: Refused | None = None) -> HTMLResponse:
        if self.paused_by is not None:
            return pages.paused(request, self.row, self.found, self.paused_by, refused)
        return pages.asking(request, self.row, self.found, self.actions, refused)

    def answered(self, request: Request, action: str, *, recorded: bool) -> HTMLResponse:
        return pages.answered(request, self.row, self.found, action, recorded=recorded)

    async def carry_out(self, context: AppContext, name: str, body: dict[str, Any]) -> bool:
        command = StepCommand(
            command_id=f"link-{self.row.id}",
            step=self.row.step,
            action=name,
            body=body,
            actor=self.actor(body),
            party=Party(self.row.party),
            link_id=self.row.id,
            attempt=self.row.attempt,
            digest=hashlib.sha256(json.dumps([name, body], sort_keys=True).encode()).hexdigest(),
        )
        try:
            return await carry(context, self.row.onboarding_id, command) is not None
        except Invalid as refusal:
            if refusal.reason == "idempotency-mismatch":
                raise dead() from refusal
            raise


async def find(session: AsyncSession, row: LinkRow, found: Found) -> HeldStep | None:
    """The step that the link is for, at the attempt that it was made for."""
    record = found.progress.steps.get(row.step)
    if record is None or record.attempt != row.attempt:
        return None
    mine = tuple(
        action
        for action in engine.actions(found.case, found.progress, row.step)
        if action.by_link and Party(row.party) in action.allowed_for
    )
    return HeldStep(row, found, mine, await _paused_by(session, found))


async def _paused_by(session: AsyncSession, found: Found) -> str | None:
    if found.progress.status is not OnboardingStatus.ON_HOLD:
        return None
    held = await onboardings.newest_event(session, found.row.id, f"onboarding.{Verb.HOLD}", None)
    return str(held.actor.get("name", "")) if held else ""


async def renew(context: AppContext, row: LinkRow, newest: LinkRow) -> None:
    """Has a fresh link sent, as a reminder to this one recipient."""
    command = StepCommand(
        command_id=f"renew-{newest.id}",  # one mail, however many old links are pressed at once
        step=row.step,
        action=REMIND.name,
        body={"to": row.recipient_role},
        actor=Actor(kind="link", id=row.id, name=row.recipient_name, role=row.recipient_role),
        party=Party.US,
        digest=newest.id,
    )
    with suppress(RacordError):
        await carry(context, row.onboarding_id, command)
