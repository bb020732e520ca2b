"""``check``: done while a fact of the catalogue holds; it reopens when the fact stops holding (R5–R8).

``consent`` is the same with the declaration in force (R9).
"""

from typing import Literal

from domain.facts import FACTS, FactName
from domain.model import Party
from domain.steps.base import DONE, REMIND, Action, MailOrder, Standing, Step, StepView


class CheckStep(Step):
    """Watches one fact. Nobody presses a button: doing the thing completes the step."""

    kind: Literal["check"]
    actor: Literal[Party.US, Party.PROVIDER] = Party.PROVIDER
    fact: FactName

    templates = ("reminder",)

    def standing(self, view: StepView) -> Standing:
        return DONE if FACTS[self.fact].holds(view.facts) else self.asking(view)

    def actions(self, view: StepView) -> tuple[Action, ...]:
        remedy = FACTS[self.fact].remedy
        do = Action(name=remedy, remedy=remedy, body=None, allowed_for=(Party.US, Party.PROVIDER))
        return (do, REMIND) if self.actor is Party.PROVIDER else (do,)

    def asked(self, view: StepView) -> tuple[str, ...]:
        return (self.actor.value,) if self.actor is Party.PROVIDER else ()

    def mails(self, view: StepView) -> tuple[MailOrder, ...]:
        return self.reminding(view, self.actor) if self.actor is Party.PROVIDER else ()


class ConsentStep(CheckStep):
    """The declaration in force is accepted by an entitled person; no data leave before (R9)."""

    kind: Literal["consent"]  # type: ignore[assignment]
    fact: Literal[FactName.CONSENT_ACCEPTED] = FactName.CONSENT_ACCEPTED
