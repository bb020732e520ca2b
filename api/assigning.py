"""The action that gives an onboarding to an account manager, as it is offered: with the people there are to choose from."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import people
from adapters.database.assignments import ASSIGNABLE
from adapters.database.onboardings import Found
from api.access import Policy, Principal
from api.schemas.onboardings import ActionView
from api.schemas.people import Assign

ASSIGN = "assign"


async def assigning(session: AsyncSession, principal: Principal, found: Found) -> list[ActionView]:
    """Offered where somebody of us still has something to do with it; an empty list elsewhere."""
    if not principal.may(Policy.STEER_ONBOARDING) or found.progress.status not in ASSIGNABLE:
        return []
    return [
        ActionView(
            name=ASSIGN,
            method="POST",
            href=f"/api/v1/onboardings/{found.row.id}/{ASSIGN}",
            body_schema=await with_people(session, Assign.model_json_schema(), "account_manager_id"),
            allowed_for=["us"],
        )
    ]


async def with_people(
    session: AsyncSession, schema: dict[str, Any], field: str, *, but: str = ""
) -> dict[str, Any]:
    """The schema with a choice of the people at work as its ``field``, which may stay empty where it could before."""
    choices = [{"const": row.id, "title": row.name} for row in await people.listed(session) if row.id != but]
    asked = schema["properties"][field]
    kept = {key: value for key, value in asked.items() if key in ("title", "description", "default")}
    chosen: dict[str, Any] = {"type": "string"} | ({"oneOf": choices} if choices else {})
    may_be_empty = any(part.get("type") == "null" for part in asked.get("anyOf", ()))
    branches = {"anyOf": [chosen, {"type": "null"}]} if may_be_empty else chosen
    return {**schema, "properties": {**schema["properties"], field: {**kept, **branches}}}
