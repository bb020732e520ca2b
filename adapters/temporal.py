"""Our way to Temporal: starting onboardings, asking them, nudging them. Its errors become domain errors here."""

from collections.abc import Mapping
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from adapters.database.connections import Alive
from adapters.settings import Settings
from domain.commands import Accepted, StatusCommand, StepCommand
from domain.errors import RacordError, Unavailable, from_dict
from domain.messages import CatalogueChanged, MailBounced, OnboardingStart, SyncStart, TerminationStart
from domain.model import Frozen
from domain.names import (
    ACT_ON_STEP,
    CATALOGUE_CHANGED,
    CHANNEL_SYNC_WORKFLOW,
    LOOK,
    MAIL_BOUNCED,
    ONBOARDING_WORKFLOW,
    SEARCH_PARTNER,
    SEARCH_STATUS,
    STEER,
    TASK_QUEUE,
    TERMINATION_WORKFLOW,
    onboarding_workflow_id,
    sync_workflow_id,
    termination_workflow_id,
)
from domain.shown import search_values

ANSWER_WITHIN = timedelta(seconds=5)
HEALTH_WITHIN = timedelta(seconds=1)


class NoSuchWorkflow(Exception):
    """Temporal knows no running workflow of that onboarding."""


class NoAnswer(Exception):
    """Temporal took the command, but no worker answered in time: it may still be carried out."""


class Temporal:
    """The process's connection to Temporal, opened at first use and kept."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @classmethod
    async def connect(cls, settings: Settings, *, lazy: bool = True) -> "Temporal":
        return cls(
            await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                data_converter=pydantic_data_converter,
                lazy=lazy,
            )
        )

    async def must_answer(self) -> None:
        """Raises :class:`Unavailable` where Temporal does not answer now."""
        try:
            await self.client.service_client.check_health(timeout=HEALTH_WITHIN)
        except (RPCError, RuntimeError) as error:
            raise _away() from error

    async def start(self, start: OnboardingStart) -> None:
        """Starts the onboarding's workflow; one that runs already is left alone. Raises :class:`Unavailable`."""
        case, values = start.case, search_values(start.case, start.progress)
        try:
            await self.client.start_workflow(
                ONBOARDING_WORKFLOW,
                start,
                id=onboarding_workflow_id(case.onboarding_id),
                task_queue=TASK_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                search_attributes=_attributes(values),
                static_summary=f"{case.playbook.name}: {case.provider_name}",
                static_details=f"Onboarding of {case.provider_name} on the channel of {case.playbook.name}.",
                rpc_timeout=ANSWER_WITHIN,
            )
        except RPCError as error:
            raise _away() from error

    async def command(
        self, onboarding_id: str, command: StepCommand | StatusCommand, *, tries: int = 5
    ) -> Accepted:
        """Carries a person's command to the workflow and waits for its answer.

        The same ``command_id`` again gets the first answer. Raises the refusal as a :class:`RacordError`,
        :class:`NoSuchWorkflow`, :class:`NoAnswer` where no worker answered, :class:`Unavailable` without Temporal.
        """
        handle = self.client.get_workflow_handle(onboarding_workflow_id(onboarding_id))
        try:
            accepted: Accepted = await handle.execute_update(
                ACT_ON_STEP if isinstance(command, StepCommand) else STEER,
                command,
                id=command.command_id,
                result_type=Accepted,
                rpc_timeout=ANSWER_WITHIN,
            )
            return accepted
        except WorkflowUpdateFailedError as error:
            raise _refusal(error) from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            await self.must_answer()
            raise NoAnswer from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NoSuchWorkflow from error
            if error.status is RPCStatusCode.FAILED_PRECONDITION and tries > 1:
                # The server threw the workflow's turn away because news came in while it was ending (a mail was sent
                # at that moment). The same id cannot happen twice: the answer is that of the turn that counts.
                return await self.command(onboarding_id, command, tries=tries - 1)
            raise _away() from error

    async def nudge(self, onboarding_id: str, nudge: CatalogueChanged, request_id: str) -> None:
        """Signals that the catalogue changed; the same ``request_id`` again is ignored by the server."""
        await self._signal(onboarding_id, CATALOGUE_CHANGED, nudge, request_id)

    async def tell_bounce(self, onboarding_id: str, bounced: MailBounced, request_id: str) -> None:
        """Signals that a mail came back; the same ``request_id`` again is ignored by the server."""
        await self._signal(onboarding_id, MAIL_BOUNCED, bounced, request_id)

    async def _signal(self, onboarding_id: str, name: str, news: Frozen, request_id: str) -> None:
        payloads = await self.client.data_converter.encode([news])
        request = SignalWorkflowExecutionRequest(
            namespace=self.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=onboarding_workflow_id(onboarding_id)),
            signal_name=name,
            request_id=request_id,
            identity=self.client.identity,
        )
        request.input.payloads.extend(payloads)
        try:
            await self.client.workflow_service.signal_workflow_execution(
                request, retry=True, timeout=ANSWER_WITHIN
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NoSuchWorkflow from error
            raise _away() from error

    async def look_at(self, connection: Alive) -> None:
        """Has the workflow of a connection look; starts it where there is none. Raises :class:`Unavailable`."""
        start: SyncStart | TerminationStart
        if connection.is_ending:
            name = TERMINATION_WORKFLOW
            start = TerminationStart(connection_id=connection.id, partner=connection.partner)
        else:
            name = CHANNEL_SYNC_WORKFLOW
            start = SyncStart(connection_id=connection.id, partner=connection.partner)
        values = {
            SEARCH_PARTNER: connection.partner,
            SEARCH_STATUS: "ending" if connection.is_ending else "live",
        }
        try:
            await self.client.start_workflow(
                name,
                start,
                id=workflow_id_of(connection),
                task_queue=TASK_QUEUE,
                start_signal=LOOK,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                search_attributes=_attributes(values),
                static_summary=f"{connection.partner}: {'the end' if connection.is_ending else 'live'}",
                rpc_timeout=ANSWER_WITHIN,
            )
        except RPCError as error:
            raise _away() from error

    async def running(self, workflow: str) -> set[str]:
        """Ids of the running workflows of that type, as the index has them: it may lag behind by a moment."""
        query = f"WorkflowType = '{workflow}' AND ExecutionStatus = 'Running'"
        try:
            return {found.id async for found in self.client.list_workflows(query, page_size=1000)}
        except RPCError as error:
            raise _away() from error

    async def status(self, onboarding_id: str) -> WorkflowExecutionStatus | None:
        """How the onboarding's newest workflow stands, or None where Temporal knows none."""
        try:
            found = await self.client.get_workflow_handle(onboarding_workflow_id(onboarding_id)).describe(
                rpc_timeout=ANSWER_WITHIN
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise _away() from error
        return found.status


def workflow_id_of(connection: Alive) -> str:
    """Of its sync, or of its end."""
    return termination_workflow_id(connection.id) if connection.is_ending else sync_workflow_id(connection.id)


def _refusal(error: WorkflowUpdateFailedError) -> Exception:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.details and isinstance(cause.details[0], dict):
        return from_dict(cause.details[0])
    return error


def _attributes(values: Mapping[str, str]) -> TypedSearchAttributes:
    pairs = (
        SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in values.items()
    )
    return TypedSearchAttributes(list(pairs))


def _away() -> RacordError:
    return Unavailable(
        "The workflow service (Temporal) does not answer; nothing was changed.",
        mend="Try again in a moment with the same Idempotency-Key.",
        code="temporal-unavailable",
    )
