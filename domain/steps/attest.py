"""``attest``: done when a person records it with evidence, e.g. the contract (R2)."""

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field

from domain.errors import Invalid
from domain.model import Party
from domain.steps.base import (
    DONE,
    REMIND,
    Action,
    Answer,
    Body,
    Evidence,
    MailOrder,
    OnBehalfOf,
    Standing,
    Step,
    StepView,
)
from domain.steps.proof import FILE_WHEN_ON_BEHALF


class Attest(Body):
    """Records that it is so, with what proves it."""

    model_config = {"json_schema_extra": FILE_WHEN_ON_BEHALF}

    evidence: Evidence = Field(title="Evidence")
    on_behalf_of: OnBehalfOf | None = Field(default=None, title="On behalf of")


class AttestStep(Step):
    """Somebody says that it is so and names the document."""

    kind: Literal["attest"]
    actor: Literal[Party.US, Party.PROVIDER] = Party.US

    templates = ("reminder",)
    carries_over = True

    def standing(self, view: StepView) -> Standing:
        return DONE if "evidence" in view.record.result else self.asking(view)

    def actions(self, view: StepView) -> tuple[Action, ...]:
        complete = Action(name="complete", body=Attest, allowed_for=(Party.US,))
        return (complete,) if self.actor is Party.US else (complete, REMIND)

    def answer(self, view: StepView, action: str, body: BaseModel, party: Party) -> Answer:
        if isinstance(body, Attest):
            if body.evidence.date > view.now.date() + timedelta(days=1):
                raise Invalid(
                    "The document's date, {date}, lies in the future.",
                    mend="Give the date that stands on the document.",
                    date=body.evidence.date,
                )
            return Answer(result=body.model_dump(mode="json", exclude_none=True))
        return super().answer(view, action, body, party)

    def asked(self, view: StepView) -> tuple[str, ...]:
        return (self.actor.value,) if self.actor is Party.PROVIDER else ()

    def mails(self, view: StepView) -> tuple[MailOrder, ...]:
        return self.reminding(view, self.actor) if self.actor is Party.PROVIDER else ()
