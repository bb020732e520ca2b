"""Names that other systems hold on to: queues, workflow ids, signals, search attributes. One place, for ever."""

TASK_QUEUE = "racord"

ONBOARDING_WORKFLOW = "OnboardingWorkflow"
CHANNEL_SYNC_WORKFLOW = "ChannelSyncWorkflow"
TERMINATION_WORKFLOW = "TerminationWorkflow"
CATALOGUE_CHANGED = "catalogue_changed"
ACT_ON_STEP = "act_on_step"
STEER = "steer"
MAIL_BOUNCED = "mail_bounced"
LOOK = "look"

SEARCH_STATUS = "RacordStatus"
SEARCH_PARTNER = "RacordPartner"
SEARCH_WAITING_ON = "RacordWaitingOn"


def onboarding_workflow_id(onboarding_id: str) -> str:
    return f"onboarding:{onboarding_id}"


def sync_workflow_id(connection_id: str) -> str:
    return f"sync:{connection_id}"


def termination_workflow_id(connection_id: str) -> str:
    return f"termination:{connection_id}"


def partner_queue(partner: str) -> str:
    """Each partner's calls have a queue of their own, so that one who is down keeps nobody else waiting."""
    return f"racord-partner-{partner}"
