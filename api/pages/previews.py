"""What a change of the catalogue would lead to, asked of the API's own dry run and shown before it is made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from api.pages.differences import Changes, changes
from api.schemas.preview import ChannelEffect, Preview

# The name and value of the button that only looks.
PREVIEW_FIELD = "_preview"
DRY_RUN = "dry_run"
# Those of the button that says that a sudden change is meant.
CONFIRM_FIELD = "_confirm"
CONFIRM = "confirm"
_GAP = re.compile(r"\{[^/]+?\}")


@dataclass(frozen=True)
class Effect:
    """What it would mean for one channel; ``differences`` are those of its joint test, by the step's key."""

    partner: str
    said: ChannelEffect
    differences: Mapping[str, Changes | None]


@dataclass(frozen=True)
class Shown:
    """A preview in the reader's language; without any effect nothing reopens and nothing is withdrawn."""

    effects: tuple[Effect, ...]


def has_dry_run(app: FastAPI, method: str, href: str) -> bool:
    """Whether the call can be previewed, as the API's own description says."""
    return takes(app, method, href, DRY_RUN)


def takes(app: FastAPI, method: str, href: str, parameter: str) -> bool:
    """Whether the call knows that parameter, as the API's own description says."""
    for path, operations in app.openapi()["paths"].items():
        called: Mapping[str, Any] | None = operations.get(method.lower())
        if called and _matches(path, href):
            return any(one["name"] == parameter for one in called.get("parameters", ()))
    return False


def shown(answer: Any, partners: Mapping[str, str], language: str) -> Shown:
    """The API's answer to a dry run; ``partners`` are their names by slug."""
    effects = Preview.model_validate({"channels": answer["channels"]}).channels
    return Shown(tuple(_effect(one, partners, language) for one in effects))


def _effect(said: ChannelEffect, partners: Mapping[str, str], language: str) -> Effect:
    differences = {step.key: changes(step.difference, language) for step in said.reopens}
    return Effect(partners.get(said.partner, said.partner), said, differences)


def _matches(path: str, href: str) -> bool:
    return re.fullmatch("[^/]+".join(map(re.escape, _GAP.split(path))), href) is not None
