"""The bodies of bulk changes of prices: set, raise, copy, clear (R8)."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, Strict, StringConstraints

from api.schemas.catalogue import Input, ServiceId
from api.schemas.channels import PriceList, PriceRow
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
    Literal["10", "5", "1", "0.5", "0.10", "0.01"],
    Field(title="Rounding", description="prices become multiples of this, half up"),
]
ServiceIds = Annotated[list[ServiceId], Field(title="Services", min_length=1, max_length=MOST_SERVICES)]


class SetPrices(PriceList):
    """Prices of some services; all others keep theirs."""

    model_config = ConfigDict(title="Set prices")
    prices: Annotated[list[PriceRow], Field(title="Prices", min_length=1, max_length=MOST_SERVICES)]


class SetPricesTogether(SetPrices):
    """The same prices on several of the provider's channels; all others stay."""

    model_config = ConfigDict(title="Set prices on several channels")
    channels: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(title="Channels", min_length=1, max_length=100, examples=[["generali", "europ-assistance"]]),
    ]
    versions: dict[str, Annotated[int, Strict()]] = Field(
        default={},
        title="Versions",
        description="of channels as you read them, by partner; 412 where one has changed since",
        examples=[{"generali": 7}],
    )


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
