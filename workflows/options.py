"""How workflows call their activities: one typed function each."""

from temporalio import workflow
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from activities import contract
    from activities.contract import ActivityName
    from domain.facts import ChannelFacts
    from domain.messages import (
        CloseConnection,
        Compared,
        CompareHeld,
        PlanRound,
        PushDelivery,
        Pushed,
        ReadFacts,
        RecordProgress,
        Round,
        SendFarewell,
        SendMail,
        SendNotice,
    )
    from domain.names import partner_queue
    from domain.steps.base import MailOutcome

# What is being handed over to a mail server is written down before anybody else may send it.
FINISHED_FIRST = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED


async def read_facts(ask: ReadFacts) -> ChannelFacts:
    facts: ChannelFacts = await workflow.execute_local_activity(
        ActivityName.READ_FACTS,
        ask,
        result_type=ChannelFacts,
        start_to_close_timeout=contract.DATABASE_TIMEOUT,
        retry_policy=contract.DATABASE_RETRY,
        summary="what the catalogue says",
    )
    return facts


async def record_progress(record: RecordProgress) -> None:
    """Written down while the workflow's turn lasts: should the turn be lost, whatever comes instead is written over it."""
    await workflow.execute_local_activity(
        ActivityName.RECORD_PROGRESS,
        record,
        start_to_close_timeout=contract.DATABASE_TIMEOUT,
        retry_policy=contract.DATABASE_RETRY,
        summary=_told(record),
    )


async def record_end(record: RecordProgress) -> None:
    """Written down once what led to it is in the workflow's history: nothing that comes meanwhile undoes an end."""
    await workflow.execute_activity(
        ActivityName.RECORD_PROGRESS,
        record,
        start_to_close_timeout=contract.DATABASE_TIMEOUT,
        retry_policy=contract.DATABASE_RETRY,
        summary=_told(record),
    )


def _told(record: RecordProgress) -> str | None:
    last = record.events[-1] if record.events else None
    return f"revision {record.progress.revision}: {last.type} {last.step or ''}".rstrip() if last else None


async def send_mail(mail: SendMail, *, finish: bool) -> MailOutcome:
    """With ``finish``, what is being handed over when it is cancelled is waited for, and has its outcome."""
    order, ended = mail.order, FINISHED_FIRST if finish else ActivityCancellationType.TRY_CANCEL
    return await _send(ActivityName.SEND_MAIL, mail, f"{order.step}: {order.template} to {order.to}", ended)


async def send_notice(notice: SendNotice) -> MailOutcome:
    return await _send(
        ActivityName.SEND_NOTICE, notice, f"notice {notice.notice_id} to {notice.to}", FINISHED_FIRST
    )


async def send_farewell(farewell: SendFarewell) -> MailOutcome:
    return await _send(ActivityName.SEND_FAREWELL, farewell, f"the end, to {farewell.to}", FINISHED_FIRST)


async def plan_round(ask: PlanRound) -> Round:
    return await _plan(ActivityName.PLAN_ROUND, ask, "what is to be done")


async def plan_end(ask: PlanRound) -> Round:
    return await _plan(ActivityName.PLAN_END, ask, "what is to be withdrawn")


async def close_connection(ask: CloseConnection) -> None:
    await workflow.execute_local_activity(
        ActivityName.CLOSE_CONNECTION,
        ask,
        start_to_close_timeout=contract.DATABASE_TIMEOUT,
        retry_policy=contract.DATABASE_RETRY,
        summary="the end, with its proof",
    )


async def push_delivery(ask: PushDelivery, partner: str) -> Pushed:
    pushed: Pushed = await workflow.execute_activity(
        ActivityName.PUSH_DELIVERY,
        ask,
        result_type=Pushed,
        task_queue=partner_queue(partner),
        start_to_close_timeout=contract.PARTNER_TIMEOUT,
        heartbeat_timeout=contract.PARTNER_HEARTBEAT,
        retry_policy=contract.PARTNER_RETRY,
        summary=f"{ask.delivery_id} to {partner}",
    )
    return pushed


async def compare_held(ask: CompareHeld, partner: str) -> Compared:
    compared: Compared = await workflow.execute_activity(
        ActivityName.COMPARE_HELD,
        ask,
        result_type=Compared,
        task_queue=partner_queue(partner),
        start_to_close_timeout=contract.PARTNER_TIMEOUT,
        heartbeat_timeout=contract.PARTNER_HEARTBEAT,
        retry_policy=contract.PARTNER_RETRY,
        summary=f"what {partner} holds",
    )
    return compared


async def _send(
    name: ActivityName,
    letter: SendMail | SendNotice | SendFarewell,
    summary: str,
    cancellation_type: ActivityCancellationType,
) -> MailOutcome:
    outcome: MailOutcome = await workflow.execute_activity(
        name,
        letter,
        result_type=MailOutcome,
        start_to_close_timeout=contract.MAIL_TIMEOUT,
        heartbeat_timeout=contract.MAIL_HEARTBEAT,
        schedule_to_close_timeout=contract.MAIL_GIVE_UP,
        retry_policy=contract.MAIL_RETRY,
        cancellation_type=cancellation_type,
        summary=summary,
    )
    return outcome


async def _plan(name: ActivityName, ask: PlanRound, summary: str) -> Round:
    planned: Round = await workflow.execute_local_activity(
        name,
        ask,
        result_type=Round,
        start_to_close_timeout=contract.PLAN_TIMEOUT,
        retry_policy=contract.DATABASE_RETRY,
        summary=summary,
    )
    return planned
