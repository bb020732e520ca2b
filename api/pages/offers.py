"""An action as a form on a page, shown again as typed where the API refused it or only previewed it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.declarations import DeclarationText
from api.pages.fields import Form, form_fields
from api.pages.forms import Typed
from api.pages.previews import Shown
from api.pages.reader import Reader
from api.problems import Problem
from api.schemas.onboardings import ActionView, StandingMeeting

DANGEROUS = ("cancel", "cancel_meeting", "reopen", "reject", "end", "skip", "remove", "retire")


@dataclass(frozen=True)
class Attempted:
    """What somebody sent and was not carried out: refused with a ``problem``, or only looked at with ``preview``."""

    step: str
    action: str
    typed: Typed
    problem: Problem | None = None
    once: str | None = None
    preview: Shown | None = None


@dataclass(frozen=True)
class Offer:
    """An action as a form. ``step`` is empty for what belongs to no step; ``previews``: its call has a dry run, which
    ``looks_first`` has shown before the button that does it is there.
    """

    step: str
    action: ActionView
    id: str
    label: str
    form: Form
    is_open: bool
    problem: Problem | None = None
    once: str | None = None
    invalidates: tuple[str, ...] = ()
    meetings: Sequence[StandingMeeting] = ()
    declaration: DeclarationText | None = None
    previews: bool = False
    looks_first: bool = False
    preview: Shown | None = None

    @property
    def is_dangerous(self) -> bool:
        return self.action.name in DANGEROUS


def offer(
    step: str,
    kind: str,
    action: ActionView,
    reader: Reader,
    attempted: Attempted | None,
    *,
    is_open: bool = False,
    values: Mapping[str, Any] | None = None,
    **more: Any,
) -> Offer:
    """The action's form: as typed where it was ``attempted``, else with ``values``, else with the schema's defaults."""
    mine = attempted if attempted and (attempted.step, attempted.action) == (step, action.name) else None
    offer_id = f"{step or 'all'}-{action.name}"
    problem = mine.problem if mine else None
    form = form_fields(
        action.body_schema,
        reader.language,
        prefix=offer_id,
        values=values,
        typed=mine.typed if mine else None,
        errors=problem.errors if problem else (),
    )
    return Offer(
        step=step,
        action=action,
        id=offer_id,
        label=reader.action(action.name, kind),
        form=form,
        is_open=is_open or mine is not None,
        problem=problem,
        once=mine.once if mine else None,
        preview=mine.preview if mine else None,
        **more,
    )
