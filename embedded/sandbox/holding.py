"""What a partner reads in a delivery, and what it holds afterwards (docs/partner-protocol.md). Pure."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1, max_length=500)]
Id = Annotated[str, Field(min_length=1, max_length=64)]
Rejects = Callable[[str, str], bool]
REJECTED = {
    "status": "rejected",
    "code": "unknown-category",
    "detail": "The sandbox was told to reject this one.",
}


class Price(BaseModel):
    """An amount as text, as money is never a float."""

    model_config = ConfigDict(frozen=True, strict=True)

    amount: str = Field(pattern=r"^\d{1,12}(\.\d{1,4})?$")
    currency: str = Field(pattern=r"^[A-Z]{3}$")


def _not_null(price: Price | None) -> Price:
    if price is None:
        raise ValueError("a price that is not told is left out, never null")
    return price


class Service(BaseModel):
    """A bookable service; ``price`` is absent where the partner takes no recorded prices."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: Id
    code: Text
    name: Text
    duration_minutes: int = Field(ge=1, le=24 * 60)
    price: Annotated[Price | None, AfterValidator(_not_null)] = None


class Provider(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    id: Id
    name: Text


class Content(BaseModel):
    """A delivery's `data`."""

    model_config = ConfigDict(frozen=True, strict=True)

    connection: Id
    provider: Provider
    sequence: int = Field(ge=1)
    services: tuple[Service, ...]
    withdrawn: tuple[Id, ...]

    @model_validator(mode="after")
    def _each_told_once(self) -> "Content":
        told = [*(service.id for service in self.services), *self.withdrawn]
        if len(told) > len(set(told)):
            raise ValueError("a service is told twice, or told and withdrawn")
        return self


class Delivery(BaseModel):
    """The body; fields that the protocol does not name are not read."""

    model_config = ConfigDict(frozen=True, strict=True)

    type: Literal["services.changed", "services.snapshot", "connection.ended"]
    timestamp: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    data: Content

    @model_validator(mode="after")
    def _an_end_is_empty(self) -> "Delivery":
        if self.type == "connection.ended" and self.data.services:
            raise ValueError("services of a connection that ended are told")
        return self


class Holding(BaseModel):
    """What a partner holds of one connection; ``services`` by id, in the order in which they came."""

    model_config = ConfigDict(frozen=True)

    provider: Provider
    sequence: int
    heard_at: str
    ended: bool = False
    services: dict[str, Service] = {}

    def told(self, connection: str) -> dict[str, Any]:
        """As the protocol answers it."""
        services = [service.model_dump(exclude_none=True) for service in self.services.values()]
        return {"connection": connection, "sequence": self.sequence, "services": services}


def is_old(held: Holding | None, delivery: Delivery) -> bool:
    """Whether something newer was taken already."""
    return held is not None and delivery.data.sequence <= held.sequence


def take(
    held: Holding | None, delivery: Delivery, rejects: Rejects, at: str, *, keeps: bool = False
) -> tuple[Holding, list[dict[str, str]]]:
    """What is held after a delivery that is not old, and the results to answer with.

    A service that is rejected stays as it was held, if it was; one whose withdrawal is rejected, too. Who ``keeps`` goes
    on holding everything after an end.
    """
    data = delivery.data
    before = dict(held.services) if held else {}
    told = {service.id: service.code for service in data.services}
    told |= {id: before[id].code for id in data.withdrawn if id in before}
    rejected = {id for id, code in told.items() if rejects(id, code)}
    if keeps and delivery.type == "connection.ended":
        kept = before
    elif delivery.type == "services.changed":
        kept = {id: one for id, one in before.items() if id not in data.withdrawn or id in rejected}
    else:
        kept = {id: service for id, service in before.items() if id in rejected}
    new = {service.id: service for service in data.services if service.id not in rejected}
    after = Holding(
        provider=data.provider,
        sequence=data.sequence,
        heard_at=at,
        ended=delivery.type == "connection.ended",
        services=kept | new,
    )
    return after, [{"id": id, **REJECTED} for id in told if id in rejected]
