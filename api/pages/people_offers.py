"""What can be done about account managers, as forms: add, change, have somebody stand in, retire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.assigning import with_people
from api.pages.offers import Attempted, Offer, offer
from api.pages.reader import Reader
from api.schemas.onboardings import ActionView
from api.schemas.people import (
    AccountManagerChange,
    AccountManagerView,
    EndSubstitution,
    NewAccountManager,
    NewSubstitution,
    Retire,
    SubstitutionView,
)

KIND = "person"
ADD, CHANGE, SUBSTITUTE, REMOVE, RETIRE = "add", "change", "substitute", "remove", "retire"
BASE = "/api/v1/account-managers"


@dataclass(frozen=True)
class Away:
    """A substitution, with the form that takes it away; None for the retired, and for what was taken away."""

    substitution: SubstitutionView
    offer: Offer | None


async def adding(session: AsyncSession) -> ActionView:
    schema = await with_people(session, NewAccountManager.model_json_schema(), "lead_id")
    return _action(ADD, "POST", BASE, schema)


async def of_person(session: AsyncSession, view: AccountManagerView) -> list[ActionView]:
    """What can be done about the person; nothing any more about the retired."""
    if view.retired_at is not None:
        return []
    here = f"{BASE}/{view.id}"
    change = AccountManagerChange.model_json_schema()
    # A form shows every field, so that one left empty says so: without it no lead could be taken away.
    change["required"] = list(change["properties"])
    away, gone = NewSubstitution.model_json_schema(), Retire.model_json_schema()
    return [
        _action(CHANGE, "PATCH", here, await with_people(session, change, "lead_id", but=view.id)),
        _action(
            SUBSTITUTE,
            "POST",
            f"{here}/substitutions",
            await with_people(session, away, "substitute_id", but=view.id),
        ),
        _action(
            RETIRE, "POST", f"{here}/retire", await with_people(session, gone, "hand_over_to", but=view.id)
        ),
    ]


def removing(person_id: str, substitution_id: str) -> ActionView:
    href = f"{BASE}/{person_id}/substitutions/{substitution_id}"
    return _action(REMOVE, "DELETE", href, EndSubstitution.model_json_schema())


def _action(name: str, method: str, href: str, schema: Mapping[str, Any]) -> ActionView:
    return ActionView(name=name, method=method, href=href, body_schema=dict(schema), allowed_for=["us"])


def forms(
    view: AccountManagerView, actions: Sequence[ActionView], reader: Reader, attempted: Attempted | None
) -> dict[str, Offer]:
    """By the action's name."""
    own = view.model_dump(include={"name", "email", "locale", "time_zone"})
    own["lead_id"] = view.lead.id if view.lead else None
    return {
        action.name: offer("", KIND, action, reader, attempted, values=own if action.name == CHANGE else None)
        for action in actions
    }


def aways(
    view: AccountManagerView,
    found: Sequence[SubstitutionView],
    reader: Reader,
    attempted: Attempted | None,
) -> list[Away]:
    is_here = view.retired_at is None
    return [
        Away(one, _removal(view.id, one, reader, attempted) if is_here and one.ended_at is None else None)
        for one in found
    ]


def _removal(person_id: str, away: SubstitutionView, reader: Reader, attempted: Attempted | None) -> Offer:
    return offer(away.id, KIND, removing(person_id, away.id), reader, attempted)
