"""One thing done to many items of the inbox: each is a command of its own, so one that fails stops no other.

A command's id is made of the caller's Idempotency-Key and the item, so a call that is repeated does nothing twice.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel

from adapters.database import assignments, onboardings
from adapters.database.onboardings import Found
from api.access import Principal, not_found
from api.carry import carry, command_id, must_be_open, must_be_plain, must_reach
from api.context import AppContext
from api.idempotency import OnceKey
from api.problems import problem_of
from api.reminding import carry_within_limit, refuse_too_soon
from api.schemas.tasks_bulk import Bulk, BulkAnswer, BulkAssign, BulkHold, BulkItem, BulkResult, Outcome
from domain import progress as engine
from domain.commands import StatusCommand, StepCommand, Verb
from domain.errors import N_, Conflict, Invalid, RacordError

AT_ONCE = 4


class _NothingIsKept(Exception):
    """Rolls a dry run's transaction back."""


@dataclass(frozen=True)
class BulkCall:
    """A call as it came. ``language`` is that of the refusals."""

    context: AppContext
    principal: Principal
    language: str
    bulk: Bulk
    command_id: str

    @classmethod
    def of(
        cls, context: AppContext, principal: Principal, language: str, bulk: Bulk, once: OnceKey
    ) -> "BulkCall":
        return cls(context, principal, language, bulk, command_id(principal.id, once))

    async def answer(self, *, dry_run: bool) -> BulkAnswer:
        """All of it done, or with ``dry_run`` only asked for."""
        must_be_plain(self.bulk.body.model_dump(mode="json"))
        act = self._would_do if dry_run else self._do
        targets = list(dict.fromkeys(map(self._target, self.bulk.items)))
        slots = asyncio.Semaphore(AT_ONCE)
        results = await asyncio.gather(*(self._settled(act, target, slots) for target in targets))
        found = dict(zip(targets, results, strict=True))
        return BulkAnswer.of(
            [
                found[self._target(item)].model_copy(
                    update={"step": item.step, "onboarding_id": item.onboarding_id}
                )
                for item in self.bulk.items
            ]
        )

    def _target(self, item: BulkItem) -> BulkItem:
        """What is acted on: two steps of an onboarding are held or assigned together, once."""
        return item if self.bulk.action == "remind" else BulkItem(onboarding_id=item.onboarding_id)

    async def _settled(
        self, act: Callable[[BulkItem], Awaitable[Outcome]], target: BulkItem, slots: asyncio.Semaphore
    ) -> BulkResult:
        said = {"onboarding_id": target.onboarding_id, "step": target.step}
        async with slots:
            try:
                return BulkResult(**said, result=await act(target))
            except RacordError as refusal:
                problem = problem_of(refusal, self.language)
                why = problem.model_dump(include={"code", "detail", "mend"})
                return BulkResult(**said, result="refused", **why)

    async def _do(self, target: BulkItem) -> Outcome:
        await must_reach(self.context, self.principal, target.onboarding_id)
        if isinstance(self.bulk, BulkAssign):
            await self._assign(target, self.bulk)
            return "done"
        command = self._command(target)
        if isinstance(command, StepCommand):
            accepted = await carry_within_limit(self.context, target.onboarding_id, command)
        else:
            await self._must_be_moving(target, command)
            accepted = await carry(self.context, target.onboarding_id, command)
        return "done" if accepted else "accepted"

    async def _must_be_moving(self, target: BulkItem, command: StatusCommand) -> None:
        """Raises Conflict where somebody put it on hold already; not where this very command did."""
        async with self.context.database.transaction() as session:
            done = await onboardings.event_of_command(session, target.onboarding_id, command.command_id)
            found = None if done else await onboardings.one(session, target.onboarding_id)
        if found is not None:
            _refuse_held(found)

    async def _assign(self, target: BulkItem, bulk: BulkAssign, *, only_asks: bool = False) -> None:
        async def work() -> BaseModel:
            await assignments.assign(
                session,
                target.onboarding_id,
                bulk.body.account_manager_id,
                by=self.principal.actor,
                reason=bulk.body.reason,
            )
            return target

        once = OnceKey(key=self._id(target), digest=self._digest())
        async with self.context.database.transaction() as session:
            await (work() if only_asks else once.once(session, self.principal, work, status=200))
            if only_asks:
                raise _NothingIsKept

    async def _would_do(self, target: BulkItem) -> Outcome:
        """The engine's own answer on what is stored; nothing is sent, nothing is written."""
        await must_reach(self.context, self.principal, target.onboarding_id)
        if isinstance(self.bulk, BulkAssign):
            try:
                await self._assign(target, self.bulk, only_asks=True)
            except _NothingIsKept:
                return "would_do"
        found, now = await self._find(target), datetime.now(UTC)
        command = self._command(target)
        must_be_open(found)
        if isinstance(command, StatusCommand):
            _refuse_held(found)
            engine.steer(found.case, found.progress, command, now)
        else:
            refuse_too_soon(found, command, now)
            engine.answer(found.case, found.progress, command, now)
        return "would_do"

    async def _find(self, target: BulkItem) -> Found:
        async with self.context.database.transaction() as session:
            found = await onboardings.one(session, target.onboarding_id)
        if found is None:
            raise not_found("onboarding", target.onboarding_id)
        return found

    def _command(self, target: BulkItem) -> StepCommand | StatusCommand:
        given = {
            "command_id": self._id(target),
            "actor": self.principal.actor,
            "digest": self._digest(),
        }
        if isinstance(self.bulk, BulkHold):
            body = self.bulk.body
            return StatusCommand(
                verb=Verb.HOLD, reason=body.reason, until=body.until, only_begins=True, **given
            )
        if target.step is None:
            raise Invalid(
                "It is not said which step to remind of.",
                mend="Name the “step” of the item, as the inbox does.",
            )
        return StepCommand(
            step=target.step,
            action=self.bulk.action,
            body=self.bulk.body.model_dump(mode="json", exclude_none=True),
            party=self.principal.party,
            **given,
        )

    def _id(self, target: BulkItem) -> str:
        parts = (self.command_id, target.onboarding_id, target.step or "")
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]

    def _digest(self) -> str:
        """Of what is said of each item alike: with the same key, another body is refused."""
        said = f"{self.bulk.action}\0{self.bulk.body.model_dump_json()}"
        return hashlib.sha256(said.encode()).hexdigest()


def _refuse_held(found: Found) -> None:
    """Many at once begin holds; the end and the reason that somebody gave one are changed at that onboarding alone."""
    hold = found.progress.hold
    if hold is None:
        return
    since = f"{hold.since:%Y-%m-%d %H:%M} UTC"
    mend = N_("Change its end there, or resume it first.")
    if hold.until is None:
        raise Conflict(
            "It is on hold already, since {since}, without a planned end.",
            mend=mend,
            code="on-hold-already",
            since=since,
        )
    raise Conflict(
        "It is on hold already, since {since}, until {until}.",
        mend=mend,
        code="on-hold-already",
        since=since,
        until=hold.until,
    )
