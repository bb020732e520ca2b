"""Names that other systems hold on to: queue, workflow ids, signals, search attributes. One place, for ever."""

TASK_QUEUE = "racord"

ONBOARDING_WORKFLOW = "OnboardingWorkflow"
CATALOGUE_CHANGED = "catalogue_changed"
ACT_ON_STEP = "act_on_step"
STEER = "steer"

SEARCH_STATUS = "RacordStatus"
SEARCH_PARTNER = "RacordPartner"
SEARCH_WAITING_ON = "RacordWaitingOn"


def onboarding_workflow_id(onboarding_id: str) -> str:
    return f"onboarding:{onboarding_id}"
