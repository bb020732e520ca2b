"""TerminationWorkflow: the end of a connection (R17), until it is sure that the partner offers nothing any more."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

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
LONGEST_HISTORY = 2_000
TELLS_AFTER_CLOSE = "tells-after-close"
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

    @workflow.run
    async def run(self, start: TerminationStart) -> None:
        await self._stop_sync()
        self._tell_everybody()
        held = await self._withdrawn(start)
        await options.close_connection(
            CloseConnection(connection_id=self._connection_id, now=workflow.now(), held=held)
        )
        await self._everybody_told()

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
                self._tell_everybody()
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
            if workflow.info().get_current_history_length() >= LONGEST_HISTORY:
                for task in self._telling.values():
                    task.cancel()  # whoever comes next tells those who were not told
                await workflow.wait_condition(self._is_nobody_being_told)
                workflow.continue_as_new(start)

    async def _wait(self, pause: timedelta) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._moved,
                timeout=max(pause.total_seconds(), 0),
                timeout_summary="the next try at the partner",
            )
        except TimeoutError:
            return

    def _tell_everybody(self) -> None:
        """Each by itself: nobody waits for the mailbox of another. Who was told before is not written to again."""
        for party in PARTIES:
            if party not in self._telling or self._telling[party].done():
                self._telling[party] = asyncio.create_task(self._tell(party))

    def _is_nobody_being_told(self) -> bool:
        return all(task.done() for task in self._telling.values())

    async def _everybody_told(self) -> None:
        """As far as can be; whoever is to be told again meanwhile, too."""
        await workflow.wait_condition(lambda: self._moved or self._is_nobody_being_told())
        while self._moved and workflow.patched(TELLS_AFTER_CLOSE):
            self._moved = False
            planned = await options.plan_end(self._round())
            if planned.tell:
                self._tell_everybody()
            await workflow.wait_condition(lambda: self._moved or self._is_nobody_being_told())
        await asyncio.gather(*self._telling.values())

    def _round(self) -> PlanRound:
        return PlanRound(connection_id=self._connection_id, may_push=True, now=workflow.now())

    async def _tell(self, party: str) -> None:
        try:
            await options.send_farewell(SendFarewell(connection_id=self._connection_id, to=party))
        except ActivityError:
            # Tried for days. That the connection ended does not hang on a mailbox: the ledger shows the message.
            workflow.logger.warning("The end could not be told to the %s", party)
