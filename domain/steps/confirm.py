"""``confirm``: the partner says yes, or no with a reason, through a signed link (R11, R13)."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from domain.model import Line, Note, Party
from domain.steps.base import (
    DONE,
    REMIND,
    RETRY,
    Action,
    Answer,
    Body,
    MailOrder,
    OnBehalfOf,
    Standing,
    Step,
    StepView,
    waits_on,
)
from domain.steps.proof import FiledEvidence, needs_evidence


class Signed(Body):
    """Typed by the person who holds the link: a scanner that submits forms types no name."""

    name: Line = Field(title="Your name", max_length=120)
    role: Line = Field(title="Your role", max_length=120)


class Confirm(Signed):
    """Yes: it is done."""


class Reject(Signed):
    """No, and why."""

    reason: Note = Field(
        title="What stands in the way?", min_length=3, json_schema_extra={"format": "textarea"}
    )


def _of_the_partner(schema: dict[str, Any]) -> None:
    schema["properties"]["party"] = {"const": Party.PARTNER.value, "title": "Party", "type": "string"}


class OnBehalfOfPartner(OnBehalfOf):
    """The partner's person whose word is recorded by somebody else.

    The API refuses another party; here it still passes, for histories of before it was refused must replay.
    """

    model_config = {"json_schema_extra": _of_the_partner}


class ConfirmOnBehalf(Body):
    """Records the partner's yes that came by another way, with what proves it."""

    evidence: FiledEvidence = Field(title="Evidence")
    on_behalf_of: OnBehalfOfPartner = Field(title="On behalf of")


class RejectOnBehalf(Body):
    """Records the partner's no that came by another way."""

    model_config = {"json_schema_extra": needs_evidence}

    reason: Note = Field(title="Reason", min_length=3, json_schema_extra={"format": "textarea"})
    evidence: FiledEvidence | None = Field(default=None, title="Evidence")
    on_behalf_of: OnBehalfOfPartner = Field(title="On behalf of")


class ConfirmStep(Step):
    """One contact of the partner answers by link; ``on_behalf`` says whether somebody may record it for them."""

    kind: Literal["confirm"]
    invites: ClassVar[bool] = True
    actor: Literal[Party.PARTNER] = Party.PARTNER
    template: str
    to: str = Field(description="role of the partner's contact who answers")
    on_behalf: bool = False
    on_trouble: Literal["resend", "hold"] = "resend"

    def standing(self, view: StepView) -> Standing:
        if view.record.result.get("confirmed"):
            return DONE
        if trouble := self.trouble(view):
            return waits_on(Party.US, trouble)
        if view.record.rejection is not None and not view.record.cleared:
            return waits_on(Party.US, view.record.rejection.reason)
        return waits_on(self.actor)

    def actions(self, view: StepView) -> tuple[Action, ...]:
        by_link = (
            Action(name="complete", body=Confirm, allowed_for=(Party.PARTNER,), by_link=True),
            Action(name="reject", body=Reject, allowed_for=(Party.PARTNER,), by_link=True),
        )
        recorded = (
            Action(name="complete", body=ConfirmOnBehalf, allowed_for=(Party.US,)),
            Action(name="reject", body=RejectOnBehalf, allowed_for=(Party.US,)),
        )
        again = (RETRY, REMIND) if view.record.blocker else (REMIND,)
        return (*by_link, *(recorded if self.on_behalf else ()), *again)

    def answer(self, view: StepView, action: str, body: BaseModel, party: Party) -> Answer:
        if isinstance(body, Reject | RejectOnBehalf):
            return Answer(rejected=body.reason, rejected_by=Party.PARTNER)
        if isinstance(body, Confirm | ConfirmOnBehalf):
            return Answer(result={"confirmed": True, **body.model_dump(mode="json", exclude_none=True)})
        return super().answer(view, action, body, party)

    def asked(self, view: StepView) -> tuple[str, ...]:
        return (self.to,)

    def mails(self, view: StepView) -> tuple[MailOrder, ...]:
        invitation = self.order(
            view, f"invitation:{self.to}", self.template, self.to, link=True, on_trouble=self.on_trouble
        )
        return (invitation, *self.reminding(view, self.to, first=self.template))

    def templates_used(self) -> tuple[str, ...]:
        return (self.template, "reminder")

    def contacts_used(self) -> tuple[str, ...]:
        return (self.to,)
