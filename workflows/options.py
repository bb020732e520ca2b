"""How the onboarding workflow calls its activities: one typed function each."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import contract
    from activities.contract import ActivityName
    from domain.facts import ChannelFacts
    from domain.messages import ReadFacts, RecordProgress, SendMail
    from domain.steps.base import MailOutcome


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
    last = record.events[-1] if record.events else None
    await workflow.execute_local_activity(
        ActivityName.RECORD_PROGRESS,
        record,
        start_to_close_timeout=contract.DATABASE_TIMEOUT,
        retry_policy=contract.DATABASE_RETRY,
        summary=f"revision {record.progress.revision}: {last.type} {last.step or ''}".rstrip()
        if last
        else None,
    )


async def send_mail(mail: SendMail) -> MailOutcome:
    outcome: MailOutcome = await workflow.execute_activity(
        ActivityName.SEND_MAIL,
        mail,
        result_type=MailOutcome,
        start_to_close_timeout=contract.MAIL_TIMEOUT,
        heartbeat_timeout=contract.MAIL_HEARTBEAT,
        schedule_to_close_timeout=contract.MAIL_GIVE_UP,
        retry_policy=contract.MAIL_RETRY,
        summary=f"{mail.order.step}: {mail.order.template} to {mail.order.to}",
    )
    return outcome
