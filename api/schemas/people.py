"""The public shape of account managers, their substitutes, and of an assignment."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.database.people_tables import SubstitutionRow
from api.schemas.catalogue import ID, Email, Input, Language, TimeZone, Version, line
from api.schemas.onboardings import PersonBrief
from domain.errors import N_
from domain.model import Note

Name = Annotated[str, line(120), Field(title="Name", examples=["Ana Ionescu"])]
Locale = Annotated[Language, Field(title="Language", description=N_("Of mails to this person."))]
PersonId = Annotated[str, StringConstraints(pattern=ID), Field(examples=["amg_3k9d0m2x7q4w8z1v5b6n"])]
Why = Annotated[
    Note, Field(title="Reason", min_length=3, max_length=500, json_schema_extra={"format": "textarea"})
]
LEAD = N_("Told where nothing moves; where there is none, the support desk is told.")


class NewAccountManager(Input):
    """Somebody of ours who brings onboardings forward."""

    model_config = ConfigDict(title="New account manager")
    name: Name
    email: Email
    locale: Locale = "ro"
    time_zone: TimeZone = "Europe/Bucharest"
    lead_id: PersonId | None = Field(default=None, title="Lead", description=LEAD)


class AccountManagerChange(Input):
    """What of an account manager is to change; what is left out stays, `lead_id: null` takes the lead away."""

    model_config = ConfigDict(title="Change of an account manager")
    name: Name = Field(default_factory=str)
    email: Email = Field(default_factory=str)
    locale: Locale = Field(default_factory=lambda: "en")
    time_zone: TimeZone = Field(default_factory=str)
    lead_id: PersonId | None = Field(default=None, title="Lead", description=LEAD)


class AccountManagerView(BaseModel):
    """An account manager."""

    model_config = ConfigDict(title="Account manager")
    id: str
    name: str
    email: str
    locale: str
    time_zone: str
    lead: PersonBrief | None
    acting: PersonBrief | None = Field(description="who stands in today; null where nobody has to")
    open_onboardings: int
    version: Version
    created_at: datetime
    retired_at: datetime | None


class AccountManagerPage(BaseModel):
    items: list[AccountManagerView]
    next_cursor: str | None


class Retire(Input):
    """Ends somebody's work here for good; their name stays in the histories."""

    model_config = ConfigDict(title="Retire")
    hand_over_to: PersonId | None = Field(
        default=None,
        title="Hand over to",
        description=N_("Takes over open onboardings and days of standing in."),
    )
    reason: Why


class NewSubstitution(Input):
    """Who acts for somebody who is away. The days are those of the person who is away."""

    model_config = ConfigDict(title="New substitution")
    substitute_id: PersonId = Field(title="Substitute")
    first_day: date = Field(title="First day", examples=["2026-12-21"])
    last_day: date = Field(title="Last day", description=N_("This day included."), examples=["2027-01-04"])
    reason: Why


class EndSubstitution(Input):
    """Takes a substitution away; `reason` is a parameter of the call."""

    model_config = ConfigDict(title="Take away")
    reason: Why


class SubstitutionView(BaseModel):
    """Somebody acts for somebody else, from the first day to the last, both included."""

    model_config = ConfigDict(title="Substitution")
    id: str
    substitute: PersonBrief
    first_day: date
    last_day: date
    reason: str
    created_by: dict[str, Any]
    created_at: datetime
    ended_at: datetime | None = Field(description="when it was taken away; it counts no more since then")
    ended_by: dict[str, Any] | None = Field(description="who took it away")
    ended_reason: str | None = Field(description="why it was taken away")

    @classmethod
    def of(cls, row: SubstitutionRow, substitute: str) -> "SubstitutionView":
        return cls(
            id=row.id,
            substitute=PersonBrief(id=row.substitute_id, name=substitute),
            first_day=row.first_day,
            last_day=row.last_day,
            reason=row.reason,
            created_by=row.created_by,
            created_at=row.created_at,
            ended_at=row.ended_at,
            ended_by=row.ended_by,
            ended_reason=row.ended_reason,
        )


class SubstitutionPage(BaseModel):
    items: list[SubstitutionView]
    next_cursor: str | None = None


class Assign(Input):
    """Whose the onboarding is from now on."""

    model_config = ConfigDict(title="Assign")
    account_manager_id: PersonId | None = Field(
        title="Account manager", description=N_("Left empty, nobody is assigned.")
    )
    reason: Why


class Assigned(BaseModel):
    """Whose it is now; `revision` is that of the onboarding, which an assignment does not change."""

    assignee: PersonBrief | None
    acting: PersonBrief | None
    revision: int
