"""What people ask of an onboarding: the messages of its Updates. New fields get defaults, so that old histories replay."""

from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from domain.errors import N_
from domain.model import Actor, Frozen, Note, OnboardingStatus, Party
from domain.steps.base import Body


class StepCommand(Frozen):
    """An action on a step. ``party`` is the side that acts; a signed link also names itself and its attempt.

    ``digest`` is the SHA-256 of what the caller sent, so that a repeated id with another body is noticed.
    """

    command_id: str
    step: str
    action: str
    body: dict[str, Any] = {}
    actor: Actor
    party: Party = Party.US
    link_id: str | None = None
    attempt: int | None = None
    digest: str = ""


class Verb(StrEnum):
    HOLD = "hold"
    RESUME = "resume"
    CANCEL = "cancel"

    @property
    def leads_to(self) -> OnboardingStatus:
        return {
            Verb.HOLD: OnboardingStatus.ON_HOLD,
            Verb.RESUME: OnboardingStatus.IN_PROGRESS,
            Verb.CANCEL: OnboardingStatus.CANCELLED,
        }[self]


class StatusCommand(Frozen):
    """Holds, resumes or cancels an onboarding, with a reason; a hold is planned ``until`` a day, or without an end."""

    command_id: str
    verb: Verb
    reason: str
    until: date | None = None
    only_begins: bool = Field(default=False, description="a hold that stands already is left as it is")
    actor: Actor
    digest: str = ""


class Reopen(Body):
    """Does a done step again; what stands on it becomes stale."""

    NAME: ClassVar[str] = "reopen"
    reason: Note = Field(title="Reason", min_length=3, json_schema_extra={"format": "textarea"})


class SetDue(Body):
    """Gives the step another due date; reminders follow it."""

    NAME: ClassVar[str] = "due"
    due_on: date = Field(title="Due on", description=N_("A working day of the party that must act."))
    reason: Note = Field(title="Reason", min_length=3, json_schema_extra={"format": "textarea"})


class Skip(Body):
    """Goes on without the step, where the playbook allows it."""

    NAME: ClassVar[str] = "skip"
    reason: Note = Field(title="Reason", min_length=3, json_schema_extra={"format": "textarea"})


class Accepted(Frozen):
    """The answer to a command: the revision at which it holds, and the digest of the request that was applied."""

    revision: int
    digest: str
