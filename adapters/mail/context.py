"""What a mail template may speak of, and to whom: one shape for all, so any step may use any template."""

from datetime import datetime

from pydantic import Field

from adapters import i18n
from adapters.database.tables import Consent, Provider
from domain.connection import Ended, Line
from domain.facts import FACTS
from domain.model import Frozen, Party, StepState
from domain.playbook import Playbook
from domain.progress import Case, Progress
from domain.steps import Step
from domain.steps.attest import AttestStep
from domain.steps.base import Evidence, MailOrder, Rejection
from domain.steps.check import CheckStep
from domain.steps.joint_test import JointTestStep


class Correspondent(Frozen):
    """Who gets a mail or is named in it. ``role``: `provider`, `support` or one of the partner's contacts."""

    role: str
    name: str
    email: str
    party: Party
    language: str = "en"
    time_zone: str = "UTC"


class Acceptance(Frozen):
    """The acceptance of the consent declaration (R9, R10)."""

    name: str
    role: str = ""
    at: datetime
    version: str


class Notice(Frozen):
    """A notice to the partner (R14, R16): its first ``lines`` of ``count``, all of which are in ``file``."""

    number: int
    lines: tuple[Line, ...]
    count: int
    file: str
    saved_at: datetime
    saved_by: str | None = None
    is_repeated: bool = False


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
    since: datetime | None = None
    missing: str | None = Field(default=None, description="what the step waits for, where a fact says it")
    services: int = Field(default=0, description="ticked for the channel")
    contract: Evidence | None = None
    consent: Acceptance | None = None
    scenarios: tuple[str, ...] = ()
    meeting: bool = False
    tested_at: datetime | None = None
    rejection: Rejection | None = None
    settled: bool = Field(default=False, description="what the rejection named is settled")
    notice: Notice | None = None
    ended: Ended | None = None
    link: str | None = None
    link_until: datetime | None = None
    public_url: str
    support_email: str


def correspondent(role: str, playbook: Playbook, provider: Provider, support_email: str) -> Correspondent:
    """The person or desk behind a role of a mail order; a role that nobody has is a :class:`KeyError`."""
    theirs = {"language": i18n.language_of(provider.locale), "time_zone": provider.time_zone}
    if role == "provider":
        return Correspondent(
            role=role, name=provider.name, email=provider.email, party=Party.PROVIDER, **theirs
        )
    if role == "support":
        return Correspondent(role=role, name="", email=support_email, party=Party.US, **theirs)
    contact = playbook.contacts[role]
    return Correspondent(
        role=role,
        name=contact.name,
        email=contact.email,
        party=Party.PARTNER,
        language=playbook.contact_language(role),
        time_zone=playbook.time_zone,
    )


def context_of(
    case: Case,
    progress: Progress,
    order: MailOrder,
    provider: Provider,
    consent: Consent | None,
    *,
    public_url: str,
    support_email: str,
) -> MailContext:
    """All that is known of step and channel, for the recipient of ``order``; the link is added later."""
    playbook, step, record = case.playbook, case.step(order.step), progress.steps[order.step]
    common = common_context(
        playbook, provider, to=order.to, public_url=public_url, support_email=support_email
    )
    test = step if isinstance(step, JointTestStep) else None
    language = common.recipient.language
    known = {
        "counterpart": _partners_contact(step, playbook, provider)
        if common.party is Party.PROVIDER
        else common.provider,
        "step": step.title.in_(language),
        "since": record.since,
        "missing": FACTS[step.fact].missing.in_(language) if isinstance(step, CheckStep) else None,
        "services": progress.facts.published,
        "contract": _contract(step, playbook, progress),
        "consent": _acceptance(consent),
        "scenarios": tuple(scenario.title.in_(language) for scenario in test.scenarios) if test else (),
        "meeting": test.meeting if test else False,
        "tested_at": _tested_at(playbook, progress),
        "rejection": record.rejection,
        "settled": record.cleared,
    }
    return common.model_copy(update=known)


def common_context(
    playbook: Playbook, provider: Provider, *, to: str, public_url: str, support_email: str
) -> MailContext:
    """What every mail may speak of, for the recipient with the role ``to``."""
    recipient = correspondent(to, playbook, provider, support_email)
    clinic = correspondent("provider", playbook, provider, support_email)
    return MailContext(
        recipient=recipient,
        counterpart=clinic,
        party=recipient.party,
        time_zone=recipient.time_zone,
        provider_id=provider.id,
        provider=clinic,
        partner=playbook.name,
        channel=playbook.channel_name.in_(recipient.language),
        public_url=public_url,
        support_email=support_email,
    )


def _partners_contact(step: Step, playbook: Playbook, provider: Provider) -> Correspondent:
    role = getattr(step, "to", "")
    return correspondent(
        role if role in playbook.contacts else next(iter(playbook.contacts)), playbook, provider, ""
    )


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
