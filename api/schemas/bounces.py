"""The public shape of messages that came back."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from adapters.database.bounce_lists import Found


class BounceView(BaseModel):
    """An address to which a message could not be delivered; unresolved, it is to be corrected."""

    id: str
    onboarding: str
    provider: str
    partner: str
    mail: str = Field(description="the message, as the onboarding's mails list it")
    step: str = Field(description="the step that wrote it; of a live connection, the notice")
    role: str = Field(
        description="whose address it is: `provider`, `support`, or a role among the partner's contacts"
    )
    address: str
    is_copy: bool = Field(description="only a copy came back: nothing waits for it")
    status: str = Field(description="enhanced status code (RFC 3463)", examples=["5.1.1"])
    diagnostic: str = Field(description="what the mail server said", examples=["550 5.1.1 User unknown"])
    received_at: datetime
    is_sent_again: bool = Field(
        description="it goes out again by itself once the address is corrected; else only the mark is lifted then"
    )
    resolved_at: datetime | None = Field(
        description="when it was sent again to the corrected address, or the matter settled"
    )

    @classmethod
    def of(cls, found: Found) -> "BounceView":
        row, mail = found.row, found.mail
        return cls(
            id=row.id,
            onboarding=mail.onboarding_id,
            provider=found.provider_id,
            partner=found.partner,
            mail=mail.id,
            step=mail.step,
            role=row.role,
            address=row.address,
            is_copy=row.is_copy,
            status=row.status,
            diagnostic=row.diagnostic,
            received_at=row.received_at,
            is_sent_again=found.is_sent_again,
            resolved_at=row.resolved_at,
        )


class BouncePage(BaseModel):
    items: list[BounceView]
    next_cursor: str | None


class ReportTaken(BaseModel):
    """What a delivery report led to; the same report again leads to the same."""

    verdict: Literal["taken", "not_ours", "not_a_bounce"] = Field(
        description="`not_ours`: about no message of Racord's; `not_a_bounce`: no report of a lasting failure"
    )
    items: list[BounceView]
