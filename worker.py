"""The worker process: workflows, activities and the relay, wired together."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.catalogue import CatalogueActivities
from activities.connections import ConnectionActivities
from activities.mail import MailActivities
from activities.partner import PartnerActivities
from activities.records import RecordActivities
from adapters.database.session import Database
from adapters.logging import configure
from adapters.mail.render import TEMPLATES
from adapters.mail.smtp import Mailer
from adapters.partners.client import PartnerClient
from adapters.playbooks import Playbooks, load_playbooks
from adapters.relay import Relay, running
from adapters.settings import Settings
from adapters.signing import LinkSigner
from adapters.temporal import Temporal
from domain.names import TASK_QUEUE, partner_queue
from domain.playbook import Playbook
from workflows.onboarding import OnboardingWorkflow
from workflows.sync import ChannelSyncWorkflow
from workflows.termination import TerminationWorkflow

# A killed worker's workflows are taken over after this, instead of after ten seconds.
TAKE_OVER_AFTER = timedelta(seconds=1)
CACHED_WORKFLOWS = 2000
PASSED_THROUGH = (
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "domain",
    "activities",
    "workflows",
)


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox, with the pure packages shared between workflows: they hold no state, and loading them anew costs."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )


@asynccontextmanager
async def make_worker(settings: Settings, database: Database, temporal: Temporal) -> AsyncIterator[None]:
    """Works on every queue while the block runs. Everything it needs comes in; nothing is read from the environment here."""
    playbooks = load_playbooks(settings.partners_dir, TEMPLATES)
    async with PartnerClient(settings) as client, AsyncExitStack() as workers:
        await workers.enter_async_context(_own_worker(settings, database, temporal, playbooks))
        partner = PartnerActivities(database, client, settings)
        for playbook in playbooks:
            await workers.enter_async_context(_partner_worker(temporal, playbook, partner))
        yield


def _own_worker(settings: Settings, database: Database, temporal: Temporal, playbooks: Playbooks) -> Worker:
    """Workflows, our own database, and mail."""
    by_slug = {playbook.slug: playbook for playbook in playbooks}
    signer = LinkSigner([key.get_secret_value() for key in settings.secret_keys])
    mail = MailActivities(database, Mailer(settings), signer, settings, by_slug)
    connection = ConnectionActivities(database, playbooks)
    return Worker(
        temporal.client,
        task_queue=TASK_QUEUE,
        workflows=[OnboardingWorkflow, ChannelSyncWorkflow, TerminationWorkflow],
        activities=[
            RecordActivities(database).record_progress,
            CatalogueActivities(database, playbooks).read_facts,
            mail.send_mail,
            mail.send_notice,
            mail.send_farewell,
            connection.plan_round,
            connection.plan_end,
            connection.close_connection,
        ],
        workflow_runner=workflow_runner(),
        sticky_queue_schedule_to_start_timeout=TAKE_OVER_AFTER,
        max_cached_workflows=CACHED_WORKFLOWS,
        graceful_shutdown_timeout=timedelta(seconds=3),
    )


def _partner_worker(temporal: Temporal, playbook: Playbook, activities: PartnerActivities) -> Worker:
    """One partner's calls, within what its endpoint bears: so many at a time here, so many a second everywhere."""
    limit = playbook.endpoint
    return Worker(
        temporal.client,
        task_queue=partner_queue(playbook.slug),
        activities=[activities.push_delivery, activities.compare_held],
        max_concurrent_activities=limit.concurrent,
        max_task_queue_activities_per_second=limit.requests_per_second,
        graceful_shutdown_timeout=timedelta(seconds=3),
    )


async def run(settings: Settings) -> None:
    """Works until SIGINT or SIGTERM."""
    configure(settings.log_format)
    if settings.metrics_address is not None:
        metrics = PrometheusConfig(bind_address=settings.metrics_address)
        Runtime.set_default(Runtime(telemetry=TelemetryConfig(metrics=metrics)))
    database = Database.connect(settings)
    temporal = await Temporal.connect(settings, lazy=False)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with make_worker(settings, database, temporal), running(Relay(settings, database, temporal)):
        await stop.wait()
    await database.close()


def main() -> None:
    """Works until told to stop. Ends without the interpreter's own shutdown, in which Temporal's library may abort."""
    asyncio.run(run(Settings()))
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
