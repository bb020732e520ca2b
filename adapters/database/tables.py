"""The tables. Catalogue, read model of the onboardings, ledgers, access. Every time is aware UTC; ids are opaque text."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OPEN_STATUSES = "('in_progress', 'on_hold')"
OUTBOX_CHANNEL = "racord_outbox"


class Base(DeclarativeBase):
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        str: Text,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        Decimal: Numeric(12, 2),
    }


# --- the catalogue -------------------------------------------------------------------------------------------------


class Provider(Base):
    """A clinic. ``version`` grows with each change of the row (ETag)."""

    __tablename__ = "providers"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    locale: Mapped[str]
    time_zone: Mapped[str]
    country: Mapped[str]
    contacts: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Service(Base):
    """An examination that a provider offers; deleted ones stay, so that the past can be explained (R20)."""

    __tablename__ = "services"
    id: Mapped[str] = mapped_column(primary_key=True)
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"), index=True)
    code: Mapped[str]
    name: Mapped[str]
    duration_minutes: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "services_code", "provider_id", "code", unique=True, postgresql_where=text("deleted_at IS NULL")
        ),
        CheckConstraint("duration_minutes BETWEEN 1 AND 1440", name="services_duration"),
    )


class Calendar(Base):
    """A physician's weekly hours, exceptions, and the services offered in them (R6)."""

    __tablename__ = "calendars"
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    physician: Mapped[str]
    weekly_hours: Mapped[list[Any]]
    exceptions: Mapped[list[Any]]
    service_ids: Mapped[list[Any]]
    version: Mapped[int] = mapped_column(default=1)


class Channel(Base):
    """A provider's traffic channel to one partner. ``version`` grows with every change that concerns the channel."""

    __tablename__ = "channels"
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"), primary_key=True)
    partner: Mapped[str] = mapped_column(primary_key=True)
    enabled: Mapped[bool] = mapped_column(Boolean, default=False)
    version: Mapped[int] = mapped_column(BigInteger, default=0)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PublishedService(Base):
    """A tick: this service is published on this channel (R7)."""

    __tablename__ = "published_services"
    provider_id: Mapped[str] = mapped_column(primary_key=True)
    partner: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("services.id"), primary_key=True)


class Price(Base):
    """A service's price on one channel (R8)."""

    __tablename__ = "prices"
    provider_id: Mapped[str] = mapped_column(primary_key=True)
    partner: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("services.id"), primary_key=True)
    amount: Mapped[Decimal]
    currency: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Consent(Base):
    """An acceptance of a declaration (R9): who, for whom, when, which text."""

    __tablename__ = "consents"
    id: Mapped[str] = mapped_column(primary_key=True)
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"))
    partner: Mapped[str]
    document: Mapped[str]
    version: Mapped[str]
    language: Mapped[str]
    sha256: Mapped[str]
    accepted_name: Mapped[str]
    accepted_role: Mapped[str]
    accepted_email: Mapped[str | None]
    accepted_at: Mapped[datetime]
    recorded_by: Mapped[dict[str, Any]]
    address: Mapped[str | None]
    __table_args__ = (Index("consents_channel", "provider_id", "partner", "accepted_at"),)


class Outbox(Base):
    """A nudge to Temporal, written in the transaction of the change itself."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    provider_id: Mapped[str]
    partner: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    delivered_at: Mapped[datetime | None]
    __table_args__ = (Index("outbox_waiting", "id", postgresql_where=text("delivered_at IS NULL")),)


class PriceEditRow(Base):
    """One saved change of a channel's price list (R8, R16). ``number`` orders them; ``undoes`` is the edit it took back."""

    __tablename__ = "price_edits"
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"))
    partner: Mapped[str]
    author: Mapped[dict[str, Any]]
    source: Mapped[str]
    file_name: Mapped[str | None]
    file_sha256: Mapped[str | None]
    at: Mapped[datetime]
    changes: Mapped[int]
    undone_by: Mapped[str | None]
    undoes: Mapped[str | None]
    __table_args__ = (Index("price_edits_channel", "provider_id", "partner", "number"),)


class PriceChangeRow(Base):
    """What an edit did to one service's price; without old it is new, without new it was taken away."""

    __tablename__ = "price_changes"
    edit_id: Mapped[str] = mapped_column(ForeignKey("price_edits.id"), primary_key=True)
    # No foreign key: the ids come out of the statement that writes the price, which has one. It would cost a
    # third of the time of a big edit.
    service_id: Mapped[str] = mapped_column(primary_key=True)
    old_amount: Mapped[Decimal | None]
    old_currency: Mapped[str | None]
    new_amount: Mapped[Decimal | None]
    new_currency: Mapped[str | None]
    # Since when a service has no price is asked often, and few are ever taken away.
    __table_args__ = (
        Index("price_changes_cleared", "service_id", postgresql_where=text("new_amount IS NULL")),
    )


# --- the read model of the onboardings -----------------------------------------------------------------------------


class OnboardingRow(Base):
    """Where an onboarding stands; ``progress`` is enough to rebuild its workflow, ``turn`` is the one that wrote it."""

    __tablename__ = "onboardings"
    id: Mapped[str] = mapped_column(primary_key=True)
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"), index=True)
    partner: Mapped[str]
    status: Mapped[str]
    revision: Mapped[int]
    waiting_on: Mapped[str | None]
    assignee_id: Mapped[str | None] = mapped_column(ForeignKey("account_managers.id"), index=True)
    case: Mapped[dict[str, Any]] = mapped_column("case_data")
    progress: Mapped[dict[str, Any]]
    workflow_started_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    turn: Mapped[int] = mapped_column(BigInteger, server_default="0")
    __table_args__ = (
        Index(
            "onboardings_open",
            "provider_id",
            "partner",
            unique=True,
            postgresql_where=text(f"status IN {OPEN_STATUSES}"),
        ),
        Index("onboardings_listed", "created_at", "id"),
    )


class StepRow(Base):
    """One step, for lists and tasks."""

    __tablename__ = "steps"
    onboarding_id: Mapped[str] = mapped_column(ForeignKey("onboardings.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    waiting_on: Mapped[str | None]
    since: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    attempt: Mapped[int]
    __table_args__ = (
        Index("steps_waiting", "waiting_on", "since", postgresql_where=text("waiting_on IS NOT NULL")),
    )


class EventRow(Base):
    """One line of an onboarding's history."""

    __tablename__ = "onboarding_events"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    onboarding_id: Mapped[str] = mapped_column(ForeignKey("onboardings.id"), index=True)
    revision: Mapped[int]
    type: Mapped[str]
    at: Mapped[datetime]
    step: Mapped[str | None]
    actor: Mapped[dict[str, Any]]
    on_behalf_of: Mapped[str | None]
    data: Mapped[dict[str, Any]]
    command_id: Mapped[str | None]


# --- mails and links -----------------------------------------------------------------------------------------------


class MailRow(Base):
    """The ledger of messages: a row before, the server's answer after. ``state``: queued, sending, sent, refused,
    unknown, bounced.

    Letters of a connection belong to its onboarding, and to the thread of its mails: a notice's has its id as ``step``
    and ``{id}:{attempt}`` as ``order_key`` (R14, R16), that of the end ``ended`` and ``ended:{role}`` (R17), with
    ``:{attempt}`` from the second on.
    """

    __tablename__ = "mails"
    id: Mapped[str] = mapped_column(primary_key=True)
    onboarding_id: Mapped[str] = mapped_column(ForeignKey("onboardings.id"))
    order_key: Mapped[str]
    step: Mapped[str]
    attempt: Mapped[int]
    template: Mapped[str]
    language: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    sender: Mapped[str]
    recipients: Mapped[list[Any]]
    copies: Mapped[list[Any]]
    subject: Mapped[str]
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(default=0)
    answer: Mapped[str | None]
    link_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("onboarding_id", "order_key", name="mails_once"),)


class LinkRow(Base):
    """A signed link: for one recipient, one step, one attempt. Used once, revoked by reissue or by the end.

    Where a notice of the onboarding's connection is acknowledged by it, ``step`` is the notice's id (R14, R16).
    """

    __tablename__ = "links"
    id: Mapped[str] = mapped_column(primary_key=True)
    onboarding_id: Mapped[str] = mapped_column(ForeignKey("onboardings.id"), index=True)
    step: Mapped[str]
    attempt: Mapped[int]
    party: Mapped[str]
    recipient_role: Mapped[str]
    recipient_name: Mapped[str]
    recipient_email: Mapped[str]
    language: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


# --- access --------------------------------------------------------------------------------------------------------


class ApiKeyRow(Base):
    """An API key: only its hash is kept. ``provider_id`` limits it to one provider, ``partner`` to one partner's feed."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    provider_id: Mapped[str | None]
    partner: Mapped[str | None]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]


class LoginLinkRow(Base):
    """A one-time link that opens a session."""

    __tablename__ = "login_links"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    provider_id: Mapped[str | None]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SessionRow(Base):
    """A person's session in the browser."""

    __tablename__ = "sessions"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    id: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    provider_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class IdempotencyRow(Base):
    """A POST's answer, kept under its Idempotency-Key; without a status it is still in flight."""

    __tablename__ = "idempotency_keys"
    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[str]
    status: Mapped[int | None] = mapped_column(Integer)
    response: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


# --- what was ------------------------------------------------------------------------------------------------------


class CatalogueChangeRow(Base):
    """One change of the catalogue: who, when, old and new, through which call or file.

    ``service_id`` is set where it concerns one service, ``service_ids`` where it concerns several at once. ``at`` is
    the time of writing, not of the transaction's start: a provider's writers take turns, so it is their order.
    """

    __tablename__ = "catalogue_changes"
    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"))
    partner: Mapped[str | None]
    service_id: Mapped[str | None]
    service_ids: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    kind: Mapped[str]
    old: Mapped[dict[str, Any] | None]
    new: Mapped[dict[str, Any] | None]
    author: Mapped[dict[str, Any]]
    source: Mapped[str]
    __table_args__ = (
        Index("catalogue_changes_listed", "provider_id", "at", "id"),
        Index("catalogue_changes_service", "service_id"),
        Index("catalogue_changes_services", "service_ids", postgresql_using="gin"),
    )


class TestedRow(Base):
    """What a channel looked like when its facts had this digest, so that a voided joint test can show the difference."""

    __tablename__ = "tested_configurations"
    provider_id: Mapped[str] = mapped_column(primary_key=True)
    partner: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
