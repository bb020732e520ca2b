"""ChannelSyncWorkflow: one live connection, for years (R14–R17).

Level-triggered: a nudge says only "look". What the partner is to have, has, was sent and was told is in Postgres; a
round compares, and acts on the difference. So a lost nudge is made good by the next look, a doubled one does nothing,
and a workflow that starts anew goes on where Postgres says that things stand.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain.messages import CompareHeld, PlanRound, PushDelivery, Round, SendNotice, SyncStart
    from domain.names import CHANNEL_SYNC_WORKFLOW, LOOK
    from workflows import options

# A history of this length is handed on; the next run needs nothing of it.
LONGEST_HISTORY = 2_000
STOPS_AT_FIRST = "stops-at-first-unsent"  # before this, those behind it were asked for, too


class Lane(StrEnum):
    """What goes on side by side; in each lane one thing after another."""

    SYSTEM = "system"
    MAIL = "mail"
    COPY = "copy"


@workflow.defn(name=CHANNEL_SYNC_WORKFLOW)
class ChannelSyncWorkflow:
    """Ends when the connection does; :class:`TerminationWorkflow` sees to the rest."""

    @workflow.init
    def __init__(self, start: SyncStart) -> None:
        self._start = start
        self._moved = True
        self._nudged = False
        self._under_way: dict[Lane, asyncio.Task[None]] = {}

    @workflow.run
    async def run(self, start: SyncStart) -> None:
        while True:
            planned = await self._plan()
            if planned.over:
                return await self._let_go()
            self._carry_out(planned)
            await self._until_moved(planned.wake_at)
            if self._is_long():
                await self._let_go()
                workflow.continue_as_new(start)
            if self._nudged:
                self._nudged = False
                await workflow.sleep(start.quiet, summary="changes at one time go out together")

    # Signals

    @workflow.signal(name=LOOK, description="Something changed: look")
    def look(self) -> None:
        self._moved = self._nudged = True

    # Private steps

    async def _plan(self) -> Round:
        self._moved = False
        return await options.plan_round(
            PlanRound(
                connection_id=self._start.connection_id,
                may_push=Lane.SYSTEM not in self._under_way,
                now=workflow.now(),
            )
        )

    def _carry_out(self, planned: Round) -> None:
        """The partner's system, its mailbox and support's are served side by side: none waits for another."""
        if planned.delivery_id or planned.compare:
            self._begin(Lane.SYSTEM, lambda: self._push_or_compare(planned.delivery_id))
        if planned.notices:
            self._begin(Lane.MAIL, lambda: self._send_in_order(planned.notices, "partner"))
        if planned.copies:
            self._begin(Lane.COPY, lambda: self._send_in_order(planned.copies, "support"))

    def _begin(self, lane: Lane, work: Callable[[], Awaitable[None]]) -> None:
        if lane not in self._under_way:
            self._under_way[lane] = asyncio.create_task(self._do(lane, work))

    async def _do(self, lane: Lane, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except ActivityError as error:
            # A mail server was away for days: the next look tries again. Of what was let go nothing is to be said.
            if not is_cancelled_exception(error):
                workflow.logger.warning("given up for now", extra={"lane": lane})
        finally:
            del self._under_way[lane]
            self._moved = True

    async def _push_or_compare(self, delivery_id: str | None) -> None:
        connection_id, partner, now = self._start.connection_id, self._start.partner, workflow.now()
        if delivery_id is None:
            await options.compare_held(CompareHeld(connection_id=connection_id, now=now), partner)
        else:
            ask = PushDelivery(connection_id=connection_id, delivery_id=delivery_id, now=now)
            await options.push_delivery(ask, partner)

    async def _send_in_order(self, notices: tuple[str, ...], to: str) -> None:
        """Stops at the first that did not go out: what comes after it is the next look's to decide (R16)."""
        for notice_id in notices:
            outcome = await options.send_notice(
                SendNotice(connection_id=self._start.connection_id, notice_id=notice_id, to=to)
            )
            if outcome.state != "sent" and workflow.patched(STOPS_AT_FIRST):
                return

    async def _let_go(self) -> None:
        """What waits for a mail server is taken up again by whoever comes next; what is being handed over is finished."""
        for lane in (Lane.MAIL, Lane.COPY):
            if task := self._under_way.get(lane):
                task.cancel()
        await workflow.wait_condition(lambda: not self._under_way)

    async def _until_moved(self, wake_at: datetime | None) -> None:
        pause = self._start.look_again
        if wake_at is not None:
            pause = min(pause, wake_at - workflow.now())
        try:
            await workflow.wait_condition(
                lambda: self._moved, timeout=max(pause.total_seconds(), 0), timeout_summary="the next look"
            )
        except TimeoutError:
            return

    def _is_long(self) -> bool:
        info = workflow.info()
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= LONGEST_HISTORY
