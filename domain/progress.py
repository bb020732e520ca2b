"""The engine: where an onboarding stands, and where a command, a fact, a mail or time takes it. Pure; no I/O, no clock.

Its parts: :mod:`domain.case` (the values), :mod:`domain.settling` (where each step stands), :mod:`domain.deciding`
(what people decide), :mod:`domain.clock` and :mod:`domain.ladder` (what time does). All that others use is here.
"""

from datetime import datetime
from typing import Any

from domain.case import RULES, Case, Change, Earlier, Event, Hold, Progress
from domain.clock import HOLD_OVER, next_moment, pass_time
from domain.deciding import actions, answer, steer
from domain.facts import ChannelFacts
from domain.ladder import ACCOUNT_MANAGER
from domain.model import SYSTEM, Actor, OnboardingStatus, Party, StepState
from domain.reopening import invalidated_by_reopening
from domain.settling import VOIDED, replaced, settle, view
from domain.steps import Step
from domain.steps.base import MailOrder, MailOutcome, StepRecord

REACHED = ("sent", "unknown")  # whoever may have read a message is told of its end
CARRIED_OVER = "onboarding.carried_over"

__all__ = [
    "CARRIED_OVER",
    "HOLD_OVER",
    "REACHED",
    "RULES",
    "VOIDED",
    "Case",
    "Change",
    "Earlier",
    "Event",
    "Hold",
    "Progress",
    "actions",
    "answer",
    "begin",
    "invalidated_by_reopening",
    "next_moment",
    "orders",
    "pass_time",
    "steer",
    "with_bounce",
    "with_facts",
    "with_mail",
]


def begin(
    case: Case, facts: ChannelFacts, now: datetime, actor: Actor, earlier: Earlier | None = None
) -> Change:
    """The first progress of an onboarding: every step placed, the facts that hold already counted.

    From an ``earlier`` one whose connection ended, what people attested is carried over (R17); a consent that is
    still in force counts by itself, as any fact does.
    """
    carried = _carried_over(case, earlier) if earlier else {}
    steps = {
        step.key: StepRecord(key=step.key, since=now, result=carried.get(step.key, {}))
        for step in case.playbook.steps
    }
    said = [Event(type="onboarding.started", at=now, actor=actor, data={"partner": case.playbook.slug})]
    if earlier is not None:
        in_force = facts.consent is not None and facts.consent.in_force
        what: dict[str, Any] = {"from": earlier.onboarding_id, "cause": earlier.cause, "steps": [*carried]}
        if in_force and facts.consent is not None:
            what["consent"] = facts.consent.version
        said.append(Event(type=CARRIED_OVER, at=now, actor=actor, data=what))
    return settle(case, Progress(facts=facts, steps=steps), now, actor, said)


def _carried_over(case: Case, earlier: Earlier) -> dict[str, dict[str, Any]]:
    """Results by step key, each naming where it was recorded: however often it is carried over, its files are there."""
    found = {}
    for step in case.playbook.steps:
        record = earlier.progress.steps.get(step.key)
        if step.carries_over and record is not None and record.state is StepState.DONE and record.result:
            found[step.key] = {"carried_over_from": earlier.onboarding_id, **record.result}
    return found


def with_facts(case: Case, progress: Progress, facts: ChannelFacts, now: datetime) -> Change:
    """Takes in what the catalogue says now. Whoever reads it reads in turn, so what comes later is newer."""
    if not progress.status.is_open:
        return Change(progress=progress)
    seen = progress.model_copy(update={"facts": facts})
    change = settle(case, seen, now, SYSTEM, [])
    return change if change.events else Change(progress=seen)


def with_mail(
    case: Case, progress: Progress, order: MailOrder, outcome: MailOutcome, now: datetime
) -> Change:
    """Takes in what became of a message."""
    data = {
        "to": order.to,
        "template": order.template,
        "message_id": outcome.message_id,
        "detail": outcome.detail,
    }
    said = Event(type=f"mail.{outcome.state}", at=now, step=order.step or None, data=data)
    return settle(case, _with_outcome(progress, order.step, order.key, outcome), now, SYSTEM, [said])


def with_bounce(
    case: Case, progress: Progress, step: str, key: str, bounced: MailOutcome, now: datetime
) -> Change:
    """A message that had gone out came back: its step shows it, and waits on us. Known or unknown already, nothing changes."""
    mails = progress.steps[step].mails if step in progress.steps else progress.mails
    if key not in mails or mails[key].state == bounced.state or not progress.status.is_open:
        return Change(progress=progress)
    data = {"detail": bounced.detail, "message_id": mails[key].message_id}
    said = Event(type="mail.bounced", at=now, step=step or None, data=data)
    return settle(case, _with_outcome(progress, step, key, bounced), now, SYSTEM, [said])


def _with_outcome(progress: Progress, step: str, key: str, outcome: MailOutcome) -> Progress:
    if step not in progress.steps:
        return progress.model_copy(update={"mails": {**progress.mails, key: outcome}})
    record = progress.steps[step]
    return replaced(progress, record.model_copy(update={"mails": {**record.mails, key: outcome}}))


def orders(case: Case, progress: Progress) -> tuple[MailOrder, ...]:
    """The messages that are wanted out and that have no outcome yet."""
    wanted = [order for step in case.playbook.steps for order in _of_step(case, progress, step)]
    if progress.status is OnboardingStatus.CANCELLED:
        of_all = [_of_all("cancelled", "cancelled", role) for role in _who_was_told(case, progress)]
    elif progress.hold is not None and progress.hold.is_over:
        of_all = [_of_all(f"hold_over:{progress.hold.until}", "hold_over", ACCOUNT_MANAGER)]
    else:
        of_all = []
    return (*wanted, *(order for order in of_all if order.key not in progress.mails))


def _of_step(case: Case, progress: Progress, step: Step) -> list[MailOrder]:
    record = progress.steps[step.key]
    seen = view(case, record, progress)
    if progress.status is not OnboardingStatus.IN_PROGRESS or not record.is_open:
        lasting = step.lasting_mails(seen)
        return [order for order in lasting if order.key not in record.mails]
    calls = [
        step.order(
            seen,
            f"call-{number}:{role}",
            "escalation",
            role,
            link=step.invites and case.party_of(role) is Party.PARTNER,
            fresh_link=step.invites and case.party_of(role) is Party.PARTNER,
        )
        for number, role in enumerate(record.calls, 1)
    ]
    return [order for order in (*step.mails(seen), *calls) if order.key not in record.mails]


def _of_all(key: str, template: str, to: str) -> MailOrder:
    """A message of the onboarding as a whole."""
    return MailOrder(key=f"{key}:{to}", step="", attempt=1, template=template, to=to)


def _who_was_told(case: Case, progress: Progress) -> list[str]:
    """The provider, and whoever else of both sides had a message of this onboarding."""
    sent = {
        key.rpartition(":")[2]
        for record in progress.steps.values()
        for key, mail in record.mails.items()
        if mail.state in REACHED
    }
    written = {
        getattr(step, "to", "")
        for step in case.playbook.steps
        if any(mail.state in REACHED for mail in progress.steps[step.key].mails.values())
    }
    expected = (
        {"account_manager"}
        if any(r.meeting and r.meeting.cancelled is None for r in progress.steps.values())
        else set()
    )
    return ["provider", *(role for role in case.playbook.contacts if role in sent | written), *expected]
