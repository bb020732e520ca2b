"""One onboarding as its page shows it: the diagram, a card a step with its actions as forms, mails, history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from markupsafe import Markup

from adapters.database.onboardings import Found
from api.assigning import ASSIGN
from api.context import AppContext
from api.pages import diagram, history
from api.pages.coming import coming
from api.pages.differences import Changes, changes
from api.pages.history import Fact
from api.pages.offers import Attempted, Offer, offer
from api.pages.previews import has_dry_run
from api.pages.reader import Reader
from api.pages.told_again import telling_us
from api.reopening import standing
from api.schemas.onboardings import ActionView, OnboardingView, StepView
from domain import progress as engine
from domain.commands import Reopen
from domain.steps.appointment import CANCEL, MoveMeeting
from domain.steps.check import ConsentStep

AT_THE_SIDE = ("cancel_meeting", "remind", "retry", "reject", "reopen", "due", "skip")
BY_LINK = ("confirm", "joint_test")


@dataclass(frozen=True)
class Card:
    """A step. ``number`` counts from 1 in the playbook's order; ``changed`` is why earlier answers no longer count;
    ``telling_us``: the account manager lacks the newest message about the meeting.
    """

    step: StepView
    number: int
    needs: tuple[str, ...]
    recorded: Sequence[Fact]
    coming: Markup | None = None
    changed: Changes | None = None
    telling_us: Offer | None = None
    main: Offer | None = None
    others: tuple[Offer, ...] = field(default=())

    @property
    def offers(self) -> tuple[Offer, ...]:
        return tuple(offer for offer in (self.telling_us, self.main, *self.others) if offer)

    @property
    def is_current(self) -> bool:
        return self.step.waiting_on is not None

    @property
    def keeps_a_meeting(self) -> bool:
        """Whether everybody is still to come to a meeting of a step that cannot be done now."""
        meeting = self.step.meeting
        is_to_come = meeting is not None and datetime.now(UTC) < meeting.ends_at
        callable_off = any(action.name == CANCEL for action in self.step.actions)
        return is_to_come and callable_off and not self.is_current

    @property
    def is_open(self) -> bool:
        return (
            self.is_current
            or self.keeps_a_meeting
            or any(offer.problem or offer.preview for offer in self.others)
        )


def cards(
    app: FastAPI,
    context: AppContext,
    found: Found,
    view: OnboardingView,
    reader: Reader,
    attempted: Attempted | None,
) -> list[Card]:
    titles = {step.key: step.title for step in view.steps}
    made = []
    for number, step in enumerate(view.steps, 1):
        main = _main(step, reader)
        offers = [
            _offer(app, context, found, step, action, reader, attempted, titles, is_open=action is main)
            for action in step.actions
        ]
        tell = telling_us(found, step)
        made.append(
            Card(
                step=step,
                number=number,
                needs=tuple(titles[need] for need in step.needs),
                recorded=history.recorded(
                    found.case.step(step.key), step.result, reader.language, found.row.id
                ),
                changed=changes(step.voided.difference, reader.language) if step.voided else None,
                coming=coming(step.next, found.case, reader) if step.next else None,
                telling_us=offer(step.key, step.kind, tell, reader, attempted) if tell else None,
                main=next((offer for offer in offers if offer.action is main), None),
                others=tuple(offer for offer in offers if offer.action is not main),
            )
        )
    return made


def steering(view: OnboardingView, reader: Reader, attempted: Attempted | None) -> list[Offer]:
    """Hold, resume, cancel; and whose it is, with the one whose it is chosen."""
    own = {ASSIGN: {"account_manager_id": view.assignee.id}} if view.assignee else {}
    return [
        offer("", view.status, action, reader, attempted, values=own.get(action.name))
        for action in view.actions
    ]


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
    app: FastAPI,
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
        now = datetime.now(UTC)
        below = engine.invalidated_by_reopening(found.case, found.progress, step.key, now)
        more["invalidates"] = tuple(titles[key] for key in below)
        more["meetings"] = standing(found.progress, below, now)
    else:
        more["previews"] = has_dry_run(app, action.method, action.href)
    kind = found.case.step(step.key)
    if isinstance(kind, ConsentStep) and action.name not in AT_THE_SIDE:
        more["declaration"] = context.declarations.in_force(found.case.playbook, reader.language)
    moves = action.body_schema.get("title") == MoveMeeting.__name__
    said_of = "moved" if moves else step.kind
    return offer(step.key, said_of, action, reader, attempted, is_open=is_open, **more)
