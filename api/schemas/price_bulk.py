"""The bodies of bulk changes of prices: raise, copy, clear (R8)."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from api.schemas.catalogue import Input, ServiceId
from domain.prices import MOST_SERVICES


class Mode(StrEnum):
    """What becomes of services that the file, or the other channel, does not price."""

    MERGE = "merge"
    REPLACE = "replace"


def _above(percent: str) -> str:
    if not -100 < Decimal(percent) <= 1000:
        raise ValueError("a percentage is above -100 and at most 1000")
    return percent


Percent = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^-?[0-9]{1,4}(\.[0-9]{1,4})?$"),
    AfterValidator(_above),
    Field(title="Percent", examples=["5", "-2.5"], description="decimal text; below zero lowers the prices"),
]
Rounding = Annotated[
    Literal["1", "0.5", "0.10", "0.01"],
    Field(title="Rounding", description="prices become multiples of this, half up"),
]
ServiceIds = Annotated[list[ServiceId], Field(title="Services", min_length=1, max_length=MOST_SERVICES)]


class RaisePrices(Input):
    """Raises prices by percent: all of them, or those of some services."""

    model_config = ConfigDict(title="Raise prices")
    percent: Percent
    rounding: Rounding = "0.01"
    service_ids: ServiceIds | None = None


class ClearPrices(Input):
    """Takes prices away: all of them, or those of some services."""

    model_config = ConfigDict(title="Clear prices")
    service_ids: ServiceIds | None = None


class CopyPrices(Input):
    """Takes over the prices of another of the provider's channels, raised by percent if so wished."""

    model_config = ConfigDict(title="Copy prices", populate_by_name=True)
    from_: Annotated[str, Field(alias="from", title="From channel", max_length=64, examples=["generali"])]
    percent: Percent = "0"
    rounding: Rounding = "0.01"
    mode: Mode = Field(
        default=Mode.MERGE,
        title="Mode",
        description="`replace`: services without a price there lose theirs here",
    )
