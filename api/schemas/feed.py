"""The public shape of a partner's feed (R1)."""

from datetime import datetime

from pydantic import BaseModel, Field

from api.schemas.connections import MoneyView


class FeedProvider(BaseModel):
    id: str
    name: str
    time_zone: str = Field(examples=["Europe/Bucharest"])


class FeedOpening(BaseModel):
    """A span in which a physician receives patients; one that is under way keeps its beginning."""

    physician: str
    begins: datetime
    ends: datetime


class FeedAvailability(BaseModel):
    next_openings: list[FeedOpening] = Field(
        description="the first five within 30 days that are long enough for the service"
    )


class FeedItem(BaseModel):
    """A service that is bookable, or, among changes only, no longer is. Its key is `connection` and `id`."""

    provider: FeedProvider
    connection: str
    id: str
    code: str
    name: str
    duration_minutes: int | None = Field(description="null where it is not bookable")
    price: MoneyView | None = Field(
        description="null where it is not bookable, and for partners who take no recorded prices (R16)"
    )
    bookable: bool
    availability: FeedAvailability | None = Field(description="null where it is not bookable")
    changed_at: datetime = Field(description="when name, duration, price or being bookable changed last")


class FeedPage(BaseModel):
    """What is bookable."""

    items: list[FeedItem]
    next_cursor: str | None
    as_of: int = Field(
        description="send it as `since` when you have read the last page; the same on all pages"
    )


class FeedChanges(BaseModel):
    """What changed after the position `since`, each service once, as it is now."""

    items: list[FeedItem]
    next_since: int = Field(description="send it as `since` the next time")
    more: bool = Field(description="there are more changes already")
