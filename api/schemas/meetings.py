"""The public shape of a joint test's meeting (R12)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class LocalTimes(BaseModel):
    """One moment on the wall clock of each party, with its offset."""

    provider: datetime
    partner: datetime


class MeetingTime(BaseModel):
    """A beginning within the working hours of both parties."""

    starts_at: datetime
    local: LocalTimes


class MeetingTimes(BaseModel):
    items: list[MeetingTime]


class MeetingView(BaseModel):
    """The newest meeting of a step. A change makes `sequence` grow; `stands` is false where a new one is wanted."""

    uid: str = Field(examples=["joint_test-1-1"])
    sequence: int
    attempt: int = Field(description="of the step, for which it was arranged")
    starts_at: datetime
    ends_at: datetime
    local: LocalTimes
    minutes: int
    place: str
    stands: bool
    cancelled: str | None = Field(description="the reason, where it was cancelled")
    reason: str | None = Field(description="why it was moved")


class FailedTest(BaseModel):
    """An attempt at the joint test that one party called failed."""

    attempt: int
    at: datetime
    by: str
    party: Literal["provider", "partner"]
    scenarios: list[str] = Field(description="titles of those that failed")
    reason: str
