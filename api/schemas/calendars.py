"""The public shape of a physician's calendar (R6)."""

import itertools
from collections.abc import Iterable
from datetime import date as date_
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from adapters.database import tables
from api.schemas.catalogue import Input, ServiceId, Version, line

Clock = Annotated[
    str,
    StringConstraints(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    Field(description="HH:MM"),
]

End = Annotated[
    str,
    StringConstraints(pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
    Field(description="HH:MM; 24:00 is the end of the day"),
]


class Opening(Input):
    """A time in which the physician receives patients, on the provider's own clock."""

    start: Clock = Field(alias="from", title="From", examples=["09:00"])
    end: End = Field(alias="to", title="To", examples=["17:00"])

    @model_validator(mode="after")
    def _forward(self) -> "Opening":
        if self.start >= self.end:
            raise ValueError(
                f"“from” ({self.start}) must be before “to” ({self.end}); write a night as two times: "
                f"{_night(self.start, self.end)}"
            )
        return self


def _night(start: str, end: str) -> str:
    rest = f", and 00:00 to {end} on the next day" if end > "00:00" else " on the same day"
    return f"{start} to 24:00{rest}"


class WeeklyHours(Opening):
    """An opening that recurs every week."""

    model_config = ConfigDict(title="Weekly hours")
    day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field(title="Day")


class ClosedDay(Input):
    """A day on which the weekly hours do not count, e.g. a holiday."""

    model_config = ConfigDict(title="Closed day")
    date: date_ = Field(title="Date", examples=["2026-12-24"])
    closed: Literal[True] = Field(title="Closed")


class OpenDay(Opening):
    """An opening on one day, in place of that day's weekly hours."""

    model_config = ConfigDict(title="Open day")
    date: date_ = Field(title="Date", examples=["2026-12-19"])


def _kind(value: Any) -> str:
    closed = "closed" in value if isinstance(value, dict) else isinstance(value, ClosedDay)
    return "closed" if closed else "open"


Exception_ = Annotated[
    Annotated[ClosedDay, Tag("closed")] | Annotated[OpenDay, Tag("open")], Discriminator(_kind)
]


def _no_overlap(where: str, openings: Iterable[Opening]) -> None:
    for one, other in itertools.pairwise(sorted(openings, key=lambda opening: opening.start)):
        if other.start < one.end:
            times = f"{one.start}-{one.end} and {other.start}-{other.end}"
            raise ValueError(f"the hours overlap on {where}: {times}; join them or move one")


def _weekly(hours: list[WeeklyHours]) -> list[WeeklyHours]:
    for day in {opening.day for opening in hours}:
        _no_overlap(day, (opening for opening in hours if opening.day == day))
    return hours


def _exceptional(days: list[ClosedDay | OpenDay]) -> list[ClosedDay | OpenDay]:
    for date, found in itertools.groupby(sorted(days, key=lambda day: day.date), key=lambda day: day.date):
        same = list(found)
        if len(same) > 1 and any(isinstance(day, ClosedDay) for day in same):
            raise ValueError(f"{date} is closed and named again; say it once")
        _no_overlap(str(date), (day for day in same if isinstance(day, OpenDay)))
    return days


class CalendarBody(Input):
    """A physician's weekly hours, the exceptions, and the services offered in them."""

    model_config = ConfigDict(title="Calendar")
    physician: Annotated[str, line(120), Field(title="Physician", examples=["Dr. Andrei Pop"])]
    weekly_hours: Annotated[
        list[WeeklyHours],
        AfterValidator(_weekly),
        Field(
            title="Weekly hours", max_length=200, examples=[[{"day": "mon", "from": "09:00", "to": "17:00"}]]
        ),
    ]
    exceptions: Annotated[
        list[Exception_],
        AfterValidator(_exceptional),
        Field(title="Exceptions", max_length=1000, examples=[[{"date": "2026-12-24", "closed": True}]]),
    ] = Field(default=[])
    service_ids: Annotated[list[ServiceId], Field(title="Services", max_length=20_000)] = Field(default=[])

    def stored(self) -> dict[str, Any]:
        """The columns: JSON, each service once."""
        content = self.model_dump(mode="json", by_alias=True)
        return {**content, "service_ids": list(dict.fromkeys(self.service_ids))}


class CalendarView(CalendarBody):
    """A physician's calendar."""

    model_config = ConfigDict(title="Calendar as kept", extra="ignore")
    id: str
    version: Version

    @classmethod
    def of(cls, row: tables.Calendar) -> "CalendarView":
        names = ("id", "physician", "weekly_hours", "exceptions", "service_ids", "version")
        return cls.model_validate({name: getattr(row, name) for name in names})


class CalendarPage(BaseModel):
    items: list[CalendarView]
    next_cursor: str | None
