"""The public shape of doing one thing to many items of the inbox."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.schemas.catalogue import ID, Input
from api.schemas.onboardings import Hold
from api.schemas.people import Assign
from domain.steps.base import Remind

MOST = 200


class BulkItem(Input):
    """An item of the inbox: its onboarding, and the `step` where a step is reminded of."""

    onboarding_id: Annotated[str, StringConstraints(pattern=ID)]
    step: Annotated[str, StringConstraints(pattern=ID)] | None = None


Items = Annotated[list[BulkItem], Field(min_length=1, max_length=MOST)]


class BulkRemind(Input):
    """Reminds those whom each of the steps waits for."""

    model_config = ConfigDict(title="Remind")
    action: Literal["remind"]
    items: Items
    body: Remind = Remind()


class BulkAssign(Input):
    """Gives the onboardings to an account manager, or to nobody."""

    model_config = ConfigDict(title="Assign")
    action: Literal["assign"]
    items: Items
    body: Assign


class BulkHold(Input):
    """Puts the onboardings on hold."""

    model_config = ConfigDict(title="Hold")
    action: Literal["hold"]
    items: Items
    body: Hold


Bulk = BulkRemind | BulkAssign | BulkHold
BulkBody = Annotated[Bulk, Field(discriminator="action")]
BODIES: dict[str, type[BaseModel]] = {"remind": Remind, "assign": Assign, "hold": Hold}
Outcome = Literal["done", "accepted", "refused", "would_do"]


class BulkResult(BaseModel):
    """What became of one item; of a refused one, the problem."""

    onboarding_id: str
    step: str | None
    result: Outcome = Field(
        description="`accepted`: noted, but no worker has answered yet; `would_do`: only of a dry run"
    )
    code: str | None = None
    detail: str | None = None
    mend: str | None = None


class BulkAnswer(BaseModel):
    """Every item with its result, in the order sent."""

    items: list[BulkResult]
    totals: dict[Outcome, int]

    @classmethod
    def of(cls, items: list[BulkResult]) -> "BulkAnswer":
        results: list[Any] = [item.result for item in items]
        return cls(items=items, totals={result: results.count(result) for result in dict.fromkeys(results)})
