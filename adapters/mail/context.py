"""What a mail template may speak of, and to whom: one shape for all, so any step may use any template."""

from datetime import datetime

from pydantic import Field

from adapters.database.tables import Consent, Provider
from adapters.i18n import format_when
from adapters.mail.answers import told
from adapters.mail.correspondents import Correspondent, correspondent
from domain.connection import Ended, LineNow
from domain.model import Frozen, Party, StepState
from domain.people import Ours
from domain.playbook import Playbook
from domain.progress import Case, Progress
from domain.reasons import Reason
from domain.steps import Step
from domain.steps.appointment import MeetingPlan
from domain.steps.attest import AttestStep
from domain.steps.base import Evidence, MailOrder, Meeting, Rejection, StepRecord
from domain.steps.joint_test import JointTestStep


class Acceptance(Frozen):
    """The acceptance of the consent declaration (R9, R10)."""

    name: str
    role: str = ""
    at: datetime
    version: str


class Notice(Frozen):
    """A notice to the partner (R14, R16): its first ``lines`` of ``count``, all of which are in ``file``.

    With ``is_overtaken`` the partner was sent newer prices of some of them already.
    """

    number: int
    lines: tuple[LineNow, ...]
    count: int
    file: str
    saved_at: datetime
    saved_by: str | None = None
    is_repeated: bool = False
    is_overtaken: bool = False


class Appointment(Frozen):
    """The meeting of a joint test (R12). ``other_zones`` are the parties' time zones that are not the reader's."""

    meeting: Meeting
    attendees: tuple[Correspondent, ...]
    other_zones: tuple[str, ...] = ()


class MailContext(Frozen):
    """Texts are in the reader's language already; times are told on the reader's clock, in ``time_zone``."""

    recipient: Correspondent
    counterpart: Correspondent = Field(description="the contact on the other side")
    party: Party = Field(description="the side that the recipient is on")
    time_zone: str
    provider_id: str
    provider: Correspondent
    partner: str
    channel: str
    step: str = ""
    onboarding_id: str = ""
    since: datetime | None = None
    due_at: datetime | None = None
    waiting_on: Party | None = None
    blocker: str | None = Field(default=None, description="what went wrong, where it is not a party's no")
    dead_address: str | None = Field(default=None, description="takes no mail; what we wrote to it came back")
    looked_after_by: str | None = Field(
        default=None, description="who of us acts today; None where nobody is assigned"
    )
    reason: str | None = Field(default=None, description="why the onboarding is held or was cancelled")
    missing: str | None = Field(default=None, description="what the step lacks, in the explainer's words")
    services: int = Field(default=0, description="ticked for the channel")
    contract: Evidence | None = None
    consent: Acceptance | None = None
    scenarios: tuple[str, ...] = ()
    meeting: bool = False
    is_arranged: bool = Field(
        default=False, description="by us: nobody has to agree on a time with the other side"
    )
    appointment: Appointment | None = None
    tested_at: datetime | None = None
    rejection: Rejection | None = None
    settled: bool = Field(default=False, description="what the rejection named is settled")
    notice: Notice | None = None
    ended: Ended | None = None
    link: str | None = None
    link_until: datetime | None = None
    public_url: str
    support_email: str


def context_of(
    case: Case,
    progress: Progress,
    order: MailOrder,
    provider: Provider,
    consent: Consent | None,
    *,
    missing: Reason | None,
    ours: Ours,
    public_url: str,
    support_email: str,
) -> MailContext:
    """All that is known of step and channel, for the recipient of ``order``; the link is added later.

    ``missing`` is what the explainer says the step lacks, where it watches a fact (R18).
    """
    playbook = case.playbook
    common = common_context(
        playbook, provider, to=order.to, ours=ours, public_url=public_url, support_email=support_email
    ).model_copy(update={"reason": progress.reason, "onboarding_id": case.onboarding_id})
    if order.step not in progress.steps:
        return common
    step, record = case.step(order.step), progress.steps[order.step]
    test = step if isinstance(step, JointTestStep) else None
    language = common.recipient.language
    known = {
        "counterpart": _partners_contact(step, playbook, provider)
        if common.party is Party.PROVIDER
        else common.provider,
        "step": step.title.in_(language),
        "since": record.since,
        "due_at": record.due_at,
        "waiting_on": record.waiting_on,
        "blocker": None if _is_the_no(record) else record.blocker,
        "dead_address": _dead_address(record),
        "missing": missing.said(language, lambda at, tongue: format_when(at, tongue, common.time_zone))
        if missing
        else None,
        "services": progress.facts.published,
        "contract": _contract(step, playbook, progress),
        "consent": _acceptance(consent),
        "scenarios": tuple(scenario.title.in_(language) for scenario in test.scenarios) if test else (),
        "meeting": bool(test.meeting) if test else False,
        "is_arranged": isinstance(test.meeting, MeetingPlan) if test else False,
        "tested_at": _tested_at(playbook, progress),
        "rejection": told(record.rejection, step, language),
        "settled": record.cleared,
    }
    return common.model_copy(update=known)


def common_context(
    playbook: Playbook, provider: Provider, *, to: str, ours: Ours, public_url: str, support_email: str
) -> MailContext:
    """What every mail may speak of, for the recipient with the role ``to``."""
    recipient = correspondent(to, playbook, provider, support_email, ours)
    clinic = correspondent("provider", playbook, provider, support_email, ours)
    return MailContext(
        recipient=recipient,
        counterpart=clinic,
        party=recipient.party,
        time_zone=recipient.time_zone,
        provider_id=provider.id,
        provider=clinic,
        partner=playbook.name,
        channel=playbook.channel_name.in_(recipient.language),
        looked_after_by=ours.account_manager.name if ours.account_manager else None,
        public_url=public_url,
        support_email=support_email,
    )


def _partners_contact(step: Step, playbook: Playbook, provider: Provider) -> Correspondent:
    role = getattr(step, "to", "")
    return correspondent(
        role if role in playbook.contacts else next(iter(playbook.contacts)), playbook, provider, "", Ours()
    )


def _is_the_no(record: StepRecord) -> bool:
    return record.rejection is not None and record.blocker == record.rejection.reason


def _dead_address(record: StepRecord) -> str | None:
    """Where the mail did not get to whose refusal blocks the step."""
    blocking = (mail for mail in record.mails.values() if record.blocker in (mail.detail, mail.state))
    return next((mail.address for mail in blocking if mail.state != "sent" and mail.address), None)


def _contract(step: Step, playbook: Playbook, progress: Progress) -> Evidence | None:
    """The evidence of the first attested step that ``step`` stands on: the contract (R2)."""
    for earlier in playbook.in_order():
        evidence = progress.steps[earlier.key].result.get("evidence")
        if isinstance(earlier, AttestStep) and evidence and step.key in playbook.after(earlier.key):
            return Evidence.model_validate(evidence)
    return None


def _acceptance(consent: Consent | None) -> Acceptance | None:
    if consent is None:
        return None
    return Acceptance(
        name=consent.accepted_name,
        role=consent.accepted_role,
        at=consent.accepted_at,
        version=consent.version,
    )


def _tested_at(playbook: Playbook, progress: Progress) -> datetime | None:
    """When the joint test passed: since then its step is done."""
    records = (progress.steps[step.key] for step in playbook.steps if isinstance(step, JointTestStep))
    return next((record.since for record in records if record.state is StepState.DONE), None)
