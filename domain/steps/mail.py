"""``mail``: done when the server accepted the message, with its copies: the intent (R3), the notice (R10)."""

from typing import Literal

from pydantic import BaseModel, Field

from domain.model import Party, StepState
from domain.steps.attest import Attest
from domain.steps.base import DONE, RETRY, Action, Answer, MailOrder, Standing, Step, StepView, waits_on


class MailStep(Step):
    """Racord writes and sends one message, by itself, once."""

    kind: Literal["mail"]
    actor: Literal[Party.SYSTEM] = Party.SYSTEM
    template: str
    to: str = Field(description="role of one of the partner's contacts, or `provider`")
    cc: tuple[str, ...] = Field(
        default=(), description="`support`, `provider`, or roles of the partner's contacts"
    )
    sender: Literal["provider", "racord"] = "racord"
    on_trouble: Literal["resend", "hold"] = Field(
        default="resend",
        description="when it is unknown whether a message went out: send again, or ask a person",
    )

    def standing(self, view: StepView) -> Standing:
        (order,) = self.mails(view)
        outcome = view.record.mails.get(order.key)
        if "evidence" in view.record.result:
            return DONE
        if outcome is None:
            return Standing(state=StepState.RUNNING, waiting_on=Party.SYSTEM)
        return DONE if outcome.state == "sent" else waits_on(Party.US, self.trouble(view))

    def actions(self, view: StepView) -> tuple[Action, ...]:
        """A message that is in doubt or refused is sent anew, or somebody records that it arrived another way."""
        arrived = Action(name="complete", body=Attest, allowed_for=(Party.US,))
        return (RETRY, arrived) if view.record.blocker else ()

    def answer(self, view: StepView, action: str, body: BaseModel, party: Party) -> Answer:
        if isinstance(body, Attest):
            return Answer(result=body.model_dump(mode="json", exclude_none=True))
        return Answer(renew=True) if action == RETRY.name else super().answer(view, action, body, party)

    def mails(self, view: StepView) -> tuple[MailOrder, ...]:
        order = self.order(
            view,
            "message",
            self.template,
            self.to,
            cc=self.cc,
            sender=self.sender,
            on_trouble=self.on_trouble,
        )
        return (order,)

    def templates_used(self) -> tuple[str, ...]:
        return (self.template,)

    def contacts_used(self) -> tuple[str, ...]:
        return tuple(role for role in (self.to, *self.cc) if role not in ("provider", "support"))
