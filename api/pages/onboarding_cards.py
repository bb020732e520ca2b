"""One onboarding as its page shows it: the diagram, a card a step with its actions as forms, mails, history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.database.onboardings import Found
from adapters.playbooks import DeclarationText
from api.context import AppContext
from api.pages import diagram, history
from api.pages.fields import Form, form_fields
from api.pages.forms import Typed
from api.pages.history import Fact
from api.pages.reader import Reader
from api.problems import Problem
from api.schemas.onboardings import ActionView, OnboardingView, StepView
from domain import progress as engine
from domain.commands import Reopen
from domain.steps.check import ConsentStep

AT_THE_SIDE = ("remind", "retry", "reject", "reopen")
BY_LINK = ("confirm", "joint_test")
DANGEROUS = ("cancel", "reopen", "reject")


@dataclass(frozen=True)
class Attempted:
    """What somebody sent and the API refused: it is shown again as typed, with the reason."""

    step: str
    action: str
    typed: Typed
    problem: Problem
    once: str | None = None


@dataclass(frozen=True)
class Offer:
    """An action as a form. ``step`` is empty for what concerns the whole onboarding."""

    step: str
    action: ActionView
    id: str
    label: str
    form: Form
    is_open: bool
    problem: Problem | None = None
    once: str | None = None
    invalidates: tuple[str, ...] = ()
    declaration: DeclarationText | None = None

    @property
    def is_dangerous(self) -> bool:
        return self.action.name in DANGEROUS


@dataclass(frozen=True)
class Card:
    """A step. ``number`` counts from 1 in the playbook's order."""

    step: StepView
    number: int
    needs: tuple[str, ...]
    recorded: Sequence[Fact]
    main: Offer | None = None
    others: tuple[Offer, ...] = field(default=())

    @property
    def is_current(self) -> bool:
        return self.step.waiting_on is not None

    @property
    def is_open(self) -> bool:
        return self.is_current or any(offer.problem for offer in self.others)


def cards(
    context: AppContext, found: Found, view: OnboardingView, reader: Reader, attempted: Attempted | None
) -> list[Card]:
    titles = {step.key: step.title for step in view.steps}
    made = []
    for number, step in enumerate(view.steps, 1):
        main = _main(step, reader)
        offers = [
            _offer(context, found, step, action, reader, attempted, titles, is_open=action is main)
            for action in step.actions
        ]
        made.append(
            Card(
                step=step,
                number=number,
                needs=tuple(titles[need] for need in step.needs),
                recorded=history.recorded(found.case.step(step.key), step.result, reader.language),
                main=next((offer for offer in offers if offer.action is main), None),
                others=tuple(offer for offer in offers if offer.action is not main),
            )
        )
    return made


def steering(view: OnboardingView, reader: Reader, attempted: Attempted | None) -> list[Offer]:
    """Hold, resume, cancel."""
    return [_plain_offer("", "", action, reader, attempted) for action in view.actions]


def diagrams(view: OnboardingView) -> Mapping[str, diagram.Diagram]:
    stops = [
        diagram.Stop(step.key, step.title, step.state, step.waiting_on, tuple(step.needs))
        for step in view.steps
    ]
    return {"across": diagram.across(stops), "down": diagram.down(stops)}


def _main(step: StepView, reader: Reader) -> ActionView | None:
    """What is most likely wanted now: to try again after trouble, to do it; to remind where the other side does it by link."""
    order = ["retry"] if step.blocker else []
    if step.kind in BY_LINK and step.waiting_on != reader.party:
        order.append("remind")
    for name in order:
        if found := next((action for action in step.actions if action.name == name), None):
            return found
    return next((action for action in step.actions if action.name not in AT_THE_SIDE), None)


def _offer(
    context: AppContext,
    found: Found,
    step: StepView,
    action: ActionView,
    reader: Reader,
    attempted: Attempted | None,
    titles: Mapping[str, str],
    *,
    is_open: bool,
) -> Offer:
    more: dict[str, Any] = {}
    if action.name == Reopen.NAME:
        below = engine.invalidated_by_reopening(found.case, found.progress, step.key)
        more["invalidates"] = tuple(titles[key] for key in below)
    kind = found.case.step(step.key)
    if isinstance(kind, ConsentStep) and action.name not in AT_THE_SIDE:
        more["declaration"] = context.declarations.in_force(found.case.playbook, reader.language)
    return _plain_offer(step.key, step.kind, action, reader, attempted, is_open=is_open, **more)


def _plain_offer(
    step: str,
    kind: str,
    action: ActionView,
    reader: Reader,
    attempted: Attempted | None,
    *,
    is_open: bool = False,
    **more: Any,
) -> Offer:
    mine = attempted if attempted and (attempted.step, attempted.action) == (step, action.name) else None
    offer_id = f"{step or 'all'}-{action.name}"
    form = form_fields(
        action.body_schema,
        reader.language,
        prefix=offer_id,
        typed=mine.typed if mine else None,
        errors=mine.problem.errors if mine else (),
    )
    return Offer(
        step=step,
        action=action,
        id=offer_id,
        label=reader.action(action.name, kind),
        form=form,
        is_open=is_open or mine is not None,
        problem=mine.problem if mine else None,
        once=mine.once if mine else None,
        **more,
    )
