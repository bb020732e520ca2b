"""ChannelSyncWorkflow: one live connection, for years (R14–R17).

Level-triggered: a nudge says only "look". What the partner is to have, has, was sent and was told is in Postgres; a
round compares, and acts on the difference. So a lost nudge is made good by the next look, a doubled one does nothing,
and a workflow that starts anew goes on where Postgres says that things stand.
"""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain.messages import CompareHeld, PlanRound, PushDelivery, Round, SendNotice, SyncStart
    from domain.names import CHANNEL_SYNC_WORKFLOW, LOOK
    from workflows import options

# A history of this length is handed on; the next run needs nothing of it.
LONGEST_HISTORY = 2_000


@workflow.defn(name=CHANNEL_SYNC_WORKFLOW)
class ChannelSyncWorkflow:
    """Ends when the connection does; :class:`TerminationWorkflow` sees to the rest."""

    @workflow.init
    def __init__(self, start: SyncStart) -> None:
        self._start = start
        self._moved = True
        self._nudged = False
        self._push: asyncio.Task[None] | None = None
        self._mail: asyncio.Task[None] | None = None

    @workflow.run
    async def run(self, start: SyncStart) -> None:
        while True:
            planned = await self._plan()
            if planned.over:
                return
            self._carry_out(planned)
            await self._until_moved(planned.wake_at)
            if self._is_long():
                await workflow.wait_condition(lambda: not self._is_busy())
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
                connection_id=self._start.connection_id, may_push=self._push is None, now=workflow.now()
            )
        )

    def _carry_out(self, planned: Round) -> None:
        """The partner's system and its mailbox are served side by side: neither waits for the other."""
        if self._push is None and (planned.delivery_id or planned.compare):
            self._push = asyncio.create_task(self._push_or_compare(planned.delivery_id))
        if self._mail is None and planned.notices:
            self._mail = asyncio.create_task(self._send_in_order(planned.notices))

    async def _push_or_compare(self, delivery_id: str | None) -> None:
        connection_id, partner, now = self._start.connection_id, self._start.partner, workflow.now()
        if delivery_id is None:
            await options.compare_held(CompareHeld(connection_id=connection_id, now=now), partner)
        else:
            ask = PushDelivery(connection_id=connection_id, delivery_id=delivery_id, now=now)
            await options.push_delivery(ask, partner)
        self._push, self._moved = None, True

    async def _send_in_order(self, notices: tuple[str, ...]) -> None:
        """Support first: its copy is not tracked, so the partner's message, which is, closes the matter."""
        for notice_id in notices:
            try:
                for to in ("support", "partner"):
                    await options.send_notice(
                        SendNotice(connection_id=self._start.connection_id, notice_id=notice_id, to=to)
                    )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                break  # the mail server was away for days: the next look tries again
        self._mail, self._moved = None, True

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

    def _is_busy(self) -> bool:
        return self._push is not None or self._mail is not None

    def _is_long(self) -> bool:
        info = workflow.info()
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= LONGEST_HISTORY
