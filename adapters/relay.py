"""Keeps Postgres and Temporal in step: nudges from the outbox go out, open onboardings have a running workflow.

Runs beside the worker. Whatever was cut off in between (a kill between commit and signal, Temporal's store lost)
is found and mended here within :data:`SWEEP`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cached_property

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import WorkflowExecutionStatus

from adapters.announcing import announce_declarations
from adapters.bounces import Bounces
from adapters.database import connections, outbox, records
from adapters.database.facts import read_facts
from adapters.database.readiness import one_moment
from adapters.database.session import Database
from adapters.database.tables import OUTBOX_CHANNEL
from adapters.mail.render import TEMPLATES
from adapters.playbooks import Playbooks, load_playbooks
from adapters.settings import Settings
from adapters.temporal import NoSuchWorkflow, Temporal, workflow_id_of
from domain import progress as engine
from domain.errors import RacordError
from domain.facts import ChannelFacts
from domain.messages import CatalogueChanged, OnboardingStart
from domain.model import OnboardingStatus
from domain.names import CHANNEL_SYNC_WORKFLOW, TERMINATION_WORKFLOW
from domain.progress import Event

log = structlog.get_logger()
SWEEP = 20.0
RETRY_AFTER = 1.0
FORESEEN = (RacordError, SQLAlchemyError)


def says_otherwise(start: OnboardingStart, facts: ChannelFacts, now: datetime) -> bool:
    """Whether something of the onboarding would move, if it looked at the catalogue now."""
    return bool(engine.with_facts(start.case, start.progress, facts, now).events)


class Relay:
    """One loop for the outbox, one for the comparison of the two stores.

    Several processes may run it side by side: a nudge delivered twice is taken once, and says no more than "look".
    """

    def __init__(self, settings: Settings, database: Database, temporal: Temporal) -> None:
        self._settings = settings
        self._database = database
        self._temporal = temporal
        self._woken = asyncio.Event()
        self._hour, self._looked_at = "", set[str]()

    @cached_property
    def _playbooks(self) -> Playbooks:
        return load_playbooks(self._settings.partners_dir, TEMPLATES)

    @cached_property
    def _bounces(self) -> Bounces:
        return Bounces(self._settings, self._database, self._temporal, self._playbooks)

    async def run(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._deliver_for_ever())
            group.create_task(self._compare_for_ever())
            group.create_task(self._bounces.run())

    async def deliver(self) -> int:
        """Delivers what waits in the outbox; answers how many channels were told. Raises when Temporal is away."""
        async with self._database.transaction() as session:
            nudges = await outbox.waiting(session)
        for nudge in nudges:
            if nudge.onboarding_id is not None:
                await self._nudge(nudge.onboarding_id, nudge)
            for connection in nudge.connections:
                await self._temporal.look_at(connection)
            async with self._database.transaction() as session:
                await outbox.delivered(session, nudge)
        return len(nudges)

    async def compare_connections(self) -> int:
        """Starts the workflow of every connection that has none; answers how many were asked for.

        One that somebody ended behind our back starts anew: what it has to do is in Postgres.
        """
        async with self._database.transaction() as session:
            alive = await connections.alive(session)
        running = {
            *(await self._temporal.running(CHANNEL_SYNC_WORKFLOW)),
            *(await self._temporal.running(TERMINATION_WORKFLOW)),
        }
        missing = [one for one in alive if workflow_id_of(one) not in running]
        for connection in missing:
            await self._temporal.look_at(connection)
        return len(missing)

    async def compare(self, now: datetime | None = None) -> int:
        """Starts the workflow of every open onboarding that has none; answers how many were started.

        One that somebody ended behind our back (terminated in Temporal) is closed as failed, with that as its reason.
        Once an hour each that runs is nudged if its catalogue says otherwise than it knows: days pass (R6), nudges get lost.
        """
        async with self._database.transaction() as session:
            ids = await records.open_ids(session)
        started, alive = 0, list[str]()
        for onboarding_id in ids:
            status = await self._temporal.status(onboarding_id)
            if status is WorkflowExecutionStatus.RUNNING:
                alive.append(onboarding_id)
                continue
            start = await self._load(onboarding_id)
            if start is None:
                continue
            if status in (
                WorkflowExecutionStatus.TERMINATED,
                WorkflowExecutionStatus.FAILED,
                WorkflowExecutionStatus.CANCELED,
            ):
                await self._close(start, status)
            else:
                log.warning("onboarding without a workflow: started", onboarding=onboarding_id)
                await self._temporal.start(start)
                started += 1
        for onboarding_id in alive:
            await self._look_again(onboarding_id, now or datetime.now(UTC))
        return started

    async def _nudge(self, onboarding_id: str, nudge: outbox.Nudge) -> None:
        try:
            await self._temporal.nudge(
                onboarding_id, CatalogueChanged(version=nudge.version), f"outbox-{nudge.last_id}"
            )
        except NoSuchWorkflow:
            if await self._temporal.status(onboarding_id) is not None:
                return  # it was ended behind our back: :meth:`compare` closes it
            start = await self._load(onboarding_id)
            if start is not None:  # it reads the catalogue as its first act
                await self._temporal.start(start)

    async def _look_again(self, onboarding_id: str, now: datetime) -> None:
        """At most once in an hour of the clock; of several relays that nudge in one hour, one is heard."""
        hour = f"{now:%Y-%m-%dT%H}"
        if self._hour != hour:
            self._hour, self._looked_at = hour, set()
        if onboarding_id in self._looked_at:
            return
        async with self._database.transaction() as session:
            await one_moment(session)
            start = await records.load_start(session, onboarding_id)
            if start is None:
                return
            provider, partner = start.case.provider_id, start.case.playbook.slug
            facts = await read_facts(session, provider, partner, self._playbooks.counting(partner), now)
        if says_otherwise(start, facts, now):
            with contextlib.suppress(NoSuchWorkflow):  # it has just ended
                await self._temporal.nudge(onboarding_id, CatalogueChanged(version=-1), f"hour-{hour}")
        self._looked_at.add(onboarding_id)

    async def _load(self, onboarding_id: str) -> OnboardingStart | None:
        async with self._database.transaction() as session:
            return await records.load_start(session, onboarding_id)

    async def _close(self, start: OnboardingStart, status: WorkflowExecutionStatus) -> None:
        reason = f"Its workflow was ended outside Racord ({status.name.lower()})."
        failed = start.progress.model_copy(
            update={
                "status": OnboardingStatus.FAILED,
                "reason": reason,
                "revision": start.progress.revision + 1,
            }
        )
        event = Event(type="onboarding.failed", at=datetime.now(UTC), data={"reason": reason})
        async with self._database.single.connect() as connection:
            await records.write(connection, start.case.onboarding_id, failed, [event])

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._settings.database_url, autocommit=True
                ) as connection:
                    await connection.execute(f"LISTEN {OUTBOX_CHANNEL}")
                    self._woken.set()
                    async for _ in connection.notifies():
                        self._woken.set()
            except psycopg.Error as error:
                log.warning("outbox lost its connection", error=str(error))
                await asyncio.sleep(RETRY_AFTER)

    async def _deliver_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), SWEEP)
            self._woken.clear()
            try:
                await self.deliver()
            except Exception as error:  # whatever it is: what waits must go out some time
                log.warning("outbox waits", error=str(error), exc_info=not isinstance(error, FORESEEN))
                await asyncio.sleep(RETRY_AFTER)
                self._woken.set()

    async def _compare_for_ever(self) -> None:
        while True:
            try:
                await self.compare()
                await self.compare_connections()
                await announce_declarations(self._database, self._playbooks)
            except Exception as error:
                log.warning(
                    "comparison of the stores waits",
                    error=str(error),
                    exc_info=not isinstance(error, FORESEEN),
                )
            await asyncio.sleep(SWEEP)


@contextlib.asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    """Keeps ``relay`` running while the block runs."""
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
