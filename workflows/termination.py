"""TerminationWorkflow: the end of a connection (R17), until it is sure that the partner offers nothing any more."""

import asyncio
from datetime import timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain.messages import (
        CloseConnection,
        Compared,
        CompareHeld,
        PlanRound,
        PushDelivery,
        SendFarewell,
        TerminationStart,
    )
    from domain.names import LOOK, TERMINATION_WORKFLOW, sync_workflow_id
    from workflows import options

PARTIES = ("provider", "partner", "support")
# A history of this length is handed on; the next run needs nothing of it.
LONGEST_HISTORY = 2_000
TELLS_AFTER_CLOSE = "tells-after-close"
HANDED_ON_AFTER_CLOSE = "handed-on-after-close"  # before this, only until the close
# While the partner does not say that it holds nothing any more.
ASK_AGAIN_AFTER = tuple(timedelta(seconds=s) for s in (5, 60, 900, 3600, 10800))


@workflow.defn(name=TERMINATION_WORKFLOW)
class TerminationWorkflow:
    """Withdraws at the partner and verifies it, however long that takes, and tells everybody at once."""

    @workflow.init
    def __init__(self, start: TerminationStart) -> None:
        self._connection_id = start.connection_id
        self._partner = start.partner
        self._moved = False
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._anew: set[str] = set()

    @workflow.run
    async def run(self, start: TerminationStart) -> None:
        await self._stop_sync()
        self._tell_everybody()
        held = await self._withdrawn(start)
        await options.close_connection(
            CloseConnection(connection_id=self._connection_id, now=workflow.now(), held=held)
        )
        await self._everybody_told(start)

    # Signals

    @workflow.signal(name=LOOK, description="Something changed: look")
    def look(self) -> None:
        self._moved = True

    # Private steps

    async def _stop_sync(self) -> None:
        """It ends by itself when it looks; what it has under way is refused by then."""
        sync = workflow.get_external_workflow_handle(sync_workflow_id(self._connection_id))
        try:
            await sync.signal(LOOK)
        except FailureError:
            workflow.logger.info("There is no sync to stop")

    async def _withdrawn(self, start: TerminationStart) -> Compared:
        """What the partner holds in the end: nothing, or it does not tell."""
        asked = 0
        while True:
            self._moved = False
            planned = await options.plan_end(self._round())
            if planned.tell:
                self._tell_everybody(planned.tell_now)
            if planned.over:
                return Compared(known=False)
            pause = ASK_AGAIN_AFTER[-1]
            if planned.delivery_id is not None:
                pushed = await options.push_delivery(
                    PushDelivery(
                        connection_id=self._connection_id,
                        delivery_id=planned.delivery_id,
                        now=workflow.now(),
                    ),
                    self._partner,
                )
                if pushed.taken:
                    continue
                pause = pushed.next_try_at - workflow.now() if pushed.next_try_at else pause
            elif planned.wake_at is not None:
                pause = planned.wake_at - workflow.now()
            else:
                held = await options.compare_held(
                    CompareHeld(connection_id=self._connection_id, now=workflow.now()), self._partner
                )
                if not held.detail and not held.held:
                    return held
                pause = ASK_AGAIN_AFTER[min(asked, len(ASK_AGAIN_AFTER) - 1)]
                asked += 1
            await self._wait(pause)
            if self._is_long():
                await self._hand_on(start)

    async def _wait(self, pause: timedelta) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._moved,
                timeout=max(pause.total_seconds(), 0),
                timeout_summary="the next try at the partner",
            )
        except TimeoutError:
            return

    def _is_long(self) -> bool:
        return workflow.info().get_current_history_length() >= LONGEST_HISTORY

    async def _hand_on(self, start: TerminationStart) -> NoReturn:
        """Whoever comes next tells those who were not told; what is being handed over is finished."""
        self._anew.clear()
        for task in self._telling.values():
            task.cancel()
        await workflow.wait_condition(self._is_nobody_being_told)
        workflow.continue_as_new(start)

    def _tell_everybody(self, at_once: tuple[str, ...] = ()) -> None:
        """Each by itself: nobody waits for the mailbox of another. Who was told before is not written to again.

        ``at_once``: to them a try that was put off is made now; what is being handed over is finished first.
        """
        for party in PARTIES:
            task = self._telling.get(party)
            if task is None or task.done():
                self._telling[party] = asyncio.create_task(self._tell(party))
            elif party in at_once and party not in self._anew:
                self._anew.add(party)
                task.cancel()

    def _is_nobody_being_told(self) -> bool:
        return all(task.done() for task in self._telling.values())

    async def _everybody_told(self, start: TerminationStart) -> None:
        """As far as can be; whoever is to be told again meanwhile, too."""
        await workflow.wait_condition(lambda: self._moved or self._is_nobody_being_told())
        while self._moved and workflow.patched(TELLS_AFTER_CLOSE):
            if self._is_long() and workflow.patched(HANDED_ON_AFTER_CLOSE):
                await self._hand_on(start)
            self._moved = False
            planned = await options.plan_end(self._round())
            if planned.tell:
                self._tell_everybody(planned.tell_now)
            await workflow.wait_condition(lambda: self._moved or self._is_nobody_being_told())
        await asyncio.gather(*self._telling.values())

    def _round(self) -> PlanRound:
        return PlanRound(connection_id=self._connection_id, may_push=True, now=workflow.now())

    async def _tell(self, party: str) -> None:
        try:
            await options.send_farewell(SendFarewell(connection_id=self._connection_id, to=party))
        except (ActivityError, asyncio.CancelledError) as error:
            # Tried for days. That the connection ended does not hang on a mailbox: the ledger shows the message.
            if not is_cancelled_exception(error):
                workflow.logger.warning("The end could not be told to the %s", party)
        if party in self._anew:
            self._anew.remove(party)
            await self._tell(party)
