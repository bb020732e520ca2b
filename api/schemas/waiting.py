"""The public shape of the waiting ledger and of the forecast. Hours are working hours of our side, with one decimal."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from fastapi import Query
from pydantic import BaseModel, Field

from api.schemas.onboardings import ProviderBrief
from domain.forecast import Forecast, Outlook
from domain.waiting import Owner, Sums, in_hours

Month = Annotated[str, Query(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", examples=["2026-03"])]
By = Literal["onboarding", "partner", "month"]


class HoursByParty(BaseModel):
    """Whose the hours were; they sum to `whole_hours`."""

    us: float
    provider: float
    partner: float
    system: float = Field(description="Racord's own")
    hold: float = Field(description="nobody's: the onboarding was on hold")


class Hours(BaseModel):
    """Working hours, and whose they were."""

    whole_hours: float
    by_party: HoursByParty

    @classmethod
    def of(cls, sums: Sums, **more: object) -> Self:
        hours = in_hours(sums)
        whole = round(sum(hours.values()), 1)
        parts = {owner.value: worked for owner, worked in hours.items()}
        return cls.model_validate({"whole_hours": whole, "by_party": parts, **more})


class WaitingPeriod(BaseModel):
    """A stretch of time that was one party's. `hours` are the working hours in it."""

    owner: Owner
    begin: datetime
    end: datetime
    hours: float


class WaitingView(Hours):
    """Every working hour of an onboarding, from its start to its end or now."""

    time_zone: str = Field(description="of the calendar that the hours are counted on")
    periods: list[WaitingPeriod] = Field(description="without a gap, oldest first")


class WaitingRow(Hours):
    """Sums of one onboarding, partner or month."""

    onboarding: str | None = None
    provider: ProviderBrief | None = None
    partner: str | None = None
    month: str | None = None


class WaitingPage(BaseModel):
    """`next_cursor` is there for onboardings only; partners and months are all on one page."""

    items: list[WaitingRow]
    next_cursor: str | None


class ForecastView(BaseModel):
    """When the onboarding may be live. Dates are there where `outlook` is `range`."""

    outlook: Outlook = Field(
        description="`range`; `too_few` past onboardings to tell; `on_hold`: the clock stands; `ended`"
    )
    comparable: int = Field(description="past onboardings of the same partner that it is made from")
    reached: str | None = Field(
        description="the step up to which everything is done, in the playbook's order"
    )
    early: date | None = Field(description="20 of 100 comparable ones were live by then")
    middle: date | None = Field(description="half of them")
    late: date | None = Field(description="80 of 100")

    @classmethod
    def of(cls, said: Forecast) -> Self:
        return cls.model_validate(said.model_dump())
