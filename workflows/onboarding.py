"""OnboardingWorkflow: one run of a partner's playbook, from the contract to the partner's activation (R1–R13).

The workflow keeps time and order; what a command, a fact, a mail or time means is decided by :mod:`domain.progress`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain import progress as engine
    from domain.commands import Accepted, StatusCommand, StepCommand
    from domain.errors import RacordError
    from domain.messages import (
        CatalogueChanged,
        MailBounced,
        OnboardingEnded,
        OnboardingStart,
        ReadFacts,
        RecordProgress,
        SendMail,
    )
    from domain.names import ACT_ON_STEP, CATALOGUE_CHANGED, MAIL_BOUNCED, ONBOARDING_WORKFLOW, STEER
    from domain.progress import Change, Progress
    from domain.shown import current_details, search_values
    from domain.steps.base import MailOrder, MailOutcome
    from workflows import options
    from workflows.turns import Turns

DROPS_UNWANTED = (
    "drops-unwanted-mail"  # before this, a message that nobody wanted any more came back as refused
)
TELLS_CANCELLATION = "tells-cancellation"  # an onboarding cancelled before this ended without a word
TELLS_EACH_AT_ONCE = "tells-each-at-once"  # before this, one was told after the other


@workflow.defn(name=ONBOARDING_WORKFLOW)
class OnboardingWorkflow:
    """Commands come as Updates, changes of the catalogue as Signals; it ends live or cancelled, never silently."""

    @workflow.init
    def __init__(self, start: OnboardingStart) -> None:
        self._case = start.case
        self._progress = start.progress
        self._catalogue_moved = True
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._settled: set[str] = set()  # keys of letters whose outcome is being written down
        self._finishes = start.case.rules >= 2
        self._bounced: list[MailBounced] = []
        self._turn = asyncio.Lock()
        self._turns = Turns()
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at: datetime | None = None
        self._shown = search_values(start.case, start.progress)

    @workflow.run
    async def run(self, start: OnboardingStart) -> OnboardingEnded:
        self._show()
        while self._progress.status.is_open:
            await workflow.wait_condition(self._has_work)
            await self._look_at_the_catalogue()
            await self._take_in_what_came_back()
            await self._let_time_pass()
            self._send_what_is_due()
        await self._tell_the_end()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return OnboardingEnded(
            onboarding_id=self._case.onboarding_id,
            status=self._progress.status,
            revision=self._progress.revision,
        )

    # Updates: what people do. The validator refuses without leaving a trace; the same id again gets the first answer.

    @workflow.update(name=ACT_ON_STEP, description="A person acts on a step")
    async def act_on_step(self, command: StepCommand) -> Accepted:
        return await self._take(
            lambda: engine.answer(self._case, self._progress, command, workflow.now()), command
        )

    @act_on_step.validator
    def _may_act_on_step(self, command: StepCommand) -> None:
        _refusing(lambda: engine.answer(self._case, self._progress, command, workflow.now()))

    @workflow.update(name=STEER, description="A person holds, resumes or cancels the onboarding")
    async def steer(self, command: StatusCommand) -> Accepted:
        return await self._take(
            lambda: engine.steer(self._case, self._progress, command, workflow.now()), command
        )

    @steer.validator
    def _may_steer(self, command: StatusCommand) -> None:
        _refusing(lambda: engine.steer(self._case, self._progress, command, workflow.now()))

    # Signals: what the catalogue does. Only that it changed is said; what it says is read.

    @workflow.signal(name=CATALOGUE_CHANGED, description="The channel's catalogue changed")
    def catalogue_changed(self, nudge: CatalogueChanged) -> None:
        self._catalogue_moved = self._catalogue_moved or nudge.version != self._progress.facts.version

    @workflow.signal(name=MAIL_BOUNCED, description="A message came back")
    def mail_bounced(self, bounced: MailBounced) -> None:
        self._bounced.append(bounced)

    # Queries

    @workflow.query(description="Where every step stands")
    def progress(self) -> Progress:
        return self._progress

    # Private steps

    def _has_work(self) -> bool:
        due = engine.orders(self._case, self._progress)
        return (
            self._catalogue_moved
            or bool(self._bounced)
            or self._is_time()
            or not self._progress.status.is_open
            or any(order.key not in self._sending for order in due)
        )

    async def _look_at_the_catalogue(self) -> None:
        if not self._catalogue_moved:
            return
        self._catalogue_moved = False
        async with self._turn:
            self._turns.present()
            facts = await options.read_facts(
                ReadFacts(provider_id=self._case.provider_id, partner=self._case.playbook.slug)
            )
            await self._record(engine.with_facts(self._case, self._progress, facts, workflow.now()))

    async def _take_in_what_came_back(self) -> None:
        while self._bounced:
            said = self._bounced.pop(0)
            if said.cc:
                continue
            came_back = MailOutcome(state="bounced", at=said.at, detail=said.detail, address=said.address)
            async with self._turn:
                await self._record(
                    engine.with_bounce(
                        self._case, self._progress, said.step, said.order_key, came_back, workflow.now()
                    )
                )

    def _is_time(self) -> bool:
        moment = engine.next_moment(self._case, self._progress, workflow.now())
        return moment is not None and moment <= workflow.now()

    async def _let_time_pass(self) -> None:
        if self._is_time():
            async with self._turn:
                await self._record(engine.pass_time(self._case, self._progress, workflow.now()))
        self._set_alarm()

    def _set_alarm(self) -> None:
        """One timer at a time. One that is set too early is left alone: it rings, and the next is set."""
        moment = engine.next_moment(self._case, self._progress, workflow.now())
        if moment is None or moment <= workflow.now():
            return
        if self._alarm_at is not None and self._alarm_at <= moment:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = moment
        self._alarm = asyncio.create_task(self._ring_at(moment))

    async def _ring_at(self, moment: datetime) -> None:
        while (left := moment - workflow.now()) > timedelta():
            await workflow.sleep(left, summary="the next reminder")
        self._alarm_at = self._alarm = None
        self._set_alarm()

    def _send_what_is_due(self) -> None:
        for order in engine.orders(self._case, self._progress):
            if order.key not in self._sending:
                self._sending[order.key] = asyncio.create_task(self._send(order))

    async def _send(self, order: MailOrder) -> None:
        try:
            mail = SendMail(onboarding_id=self._case.onboarding_id, order=order)
            outcome = await options.send_mail(mail, finish=self._finishes)
        except ActivityError as error:
            if is_cancelled_exception(error):
                return
            if not self._is_wanted(order) and workflow.patched(DROPS_UNWANTED):
                del self._sending[
                    order.key
                ]  # a hold outlasted its tries; it is ordered anew when it is wanted
                return
            outcome = MailOutcome(state="refused", at=workflow.now(), detail=str(error.cause or error))
        is_over = self._finishes and not self._progress.status.is_open
        if is_over and outcome.state not in engine.REACHED and not self._is_wanted(order):
            return  # nobody got it, and nobody wants it any more
        self._settled.add(order.key)
        async with self._turn:
            await self._record(engine.with_mail(self._case, self._progress, order, outcome, workflow.now()))
        self._settled.discard(order.key)
        del self._sending[order.key]

    def _is_wanted(self, order: MailOrder) -> bool:
        return any(one.key == order.key for one in engine.orders(self._case, self._progress))

    async def _tell_the_end(self) -> None:
        """Nothing that was wanted before goes out any more; that it was cancelled is told before the workflow ends.

        Whoever is just getting a letter gets it, and is told of the end too, whatever another's mailbox does.
        """
        wanted = {order.key for order in engine.orders(self._case, self._progress)}
        kept = wanted | self._settled if self._finishes else set()
        for task in (task for key, task in self._sending.items() if key not in kept):
            task.cancel()
        if self._alarm:
            self._alarm.cancel()
        if self._finishes and self._sending and workflow.patched(TELLS_EACH_AT_ONCE):
            await self._send_the_rest()
            return
        if self._finishes:
            await asyncio.gather(*self._sending.values())
        self._sending.clear()
        if engine.orders(self._case, self._progress) and workflow.patched(TELLS_CANCELLATION):
            self._send_what_is_due()
            await asyncio.gather(*self._sending.values())

    async def _send_the_rest(self) -> None:
        """Until all is sent: what became of one letter may be another's reason."""
        while under_way := [task for task in self._sending.values() if not task.done()]:
            await workflow.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            self._send_what_is_due()
        await asyncio.gather(*self._sending.values())

    async def _take(self, decide: Callable[[], Change], command: StepCommand | StatusCommand) -> Accepted:
        async with self._turn:
            change = _refusing(decide)
            await self._record(change, command)
        return Accepted(revision=self._progress.revision, digest=command.digest)

    async def _record(self, change: Change, command: StepCommand | StatusCommand | None = None) -> None:
        if change.progress.revision > self._progress.revision:
            ends = self._finishes and not change.progress.status.is_open
            await (options.record_end if ends else options.record_progress)(
                RecordProgress(
                    onboarding_id=self._case.onboarding_id,
                    progress=change.progress,
                    events=change.events,
                    command_id=command.command_id if command else None,
                    used_link=command.link_id if isinstance(command, StepCommand) else None,
                    turn=self._turns.present(),
                )
            )
        self._progress = change.progress
        self._show()
        self._set_alarm()

    def _show(self) -> None:
        workflow.set_current_details(current_details(self._case, self._progress))
        shown = search_values(self._case, self._progress)
        if shown != self._shown:
            workflow.upsert_search_attributes(
                [
                    SearchAttributeKey.for_keyword(name).value_set(value)
                    for name, value in shown.items()
                    if self._shown[name] != value
                ]
            )
            self._shown = shown


def _refusing(decide: Callable[[], Change]) -> Change:
    """Turns a refusal into an error that crosses the wire with everything it says."""
    try:
        return decide()
    except RacordError as refusal:
        raise ApplicationError(
            refusal.detail, refusal.as_dict(), type=refusal.code, non_retryable=True
        ) from None
