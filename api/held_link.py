"""What a live link is for: one subclass a kind of holder. Routes look the link up, and ask it."""

from abc import ABC, abstractmethod
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from adapters.database.onboardings import Found
from adapters.database.tables import LinkRow
from api.context import AppContext
from api.schemas.links import LinkActionView, LinkView
from domain.errors import Gone, RacordError
from domain.model import Actor
from domain.steps.base import Action

Refused = tuple[str, dict[str, Any], RacordError]


class HeldLink(ABC):
    """A live link with the ``actions`` that its holder may choose from; ``found`` is the onboarding it belongs to."""

    row: LinkRow
    found: Found
    actions: tuple[Action, ...]

    @abstractmethod
    def view(self) -> LinkView:
        """For programs."""

    @abstractmethod
    def asking(self, request: Request, refused: Refused | None = None) -> HTMLResponse:
        """The page; with ``refused`` what was typed, and what is wrong with it."""

    @abstractmethod
    def answered(self, request: Request, action: str, *, recorded: bool) -> HTMLResponse:
        """Thank you; ``recorded`` is False where the answer is taken down and will be worked on in a moment."""

    @abstractmethod
    async def carry_out(self, context: AppContext, name: str, body: dict[str, Any]) -> bool:
        """True where it is recorded, False where it is taken down only; :class:`Gone` where somebody was first."""

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of an action's body; empty where it is not offered."""
        return next((schema_of(action) for action in self.actions if action.name == name), {})

    def actor(self, body: dict[str, Any]) -> Actor:
        """Whoever typed name and role."""
        name, role = str(body.get("name", ""))[:120], str(body.get("role", ""))[:120]
        return Actor(kind="link", id=self.row.id, name=name, role=role)

    def action_views(self) -> list[LinkActionView]:
        return [LinkActionView(name=action.name, body_schema=schema_of(action)) for action in self.actions]


def schema_of(action: Action) -> dict[str, Any]:
    assert action.body is not None
    return action.body.model_json_schema()


def dead() -> Gone:
    """The same for unknown, altered, used, revoked and expired links."""
    return Gone(
        "This link cannot be used (any more).",
        mend="Use the newest message you got, or ask for a new link: it goes to the address that we know. "
        "If the matter is paused, no new link is sent: try again later.",
    )
