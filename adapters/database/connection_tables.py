"""The tables of live connections: what the partner is to have, what it has, what was sent, what was told (R13–R17)."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from adapters.database.tables import Base


class ConnectionRow(Base):
    """One live channel, from activation to its end. ``planned_version`` is the channel's version that the sync looked
    at last, ``derived_version`` that of which is written down what is bookable: the feed may be ahead of the sync.
    ``derived_until`` is when the clock alone may next make something else bookable, None where that is not foreseen.

    ``consented``: whether the declaration in force was accepted then; nothing is sent or told without it (R9).
    ``comparison`` is what the partner answered last when it was asked what it holds, ``since`` when it says that; of one
    that ends, only what it said after it took the end. Before ``end_again_at`` it is not told again that it ended.
    """

    __tablename__ = "connections"
    id: Mapped[str] = mapped_column(primary_key=True)
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"))
    partner: Mapped[str]
    onboarding_id: Mapped[str] = mapped_column(ForeignKey("onboardings.id"), unique=True)
    status: Mapped[str]
    reason: Mapped[str | None]
    since: Mapped[datetime]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    cause: Mapped[str | None]
    ended_by: Mapped[dict[str, Any] | None]
    proof: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    sequence: Mapped[int] = mapped_column(default=0, server_default="0")
    consented: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    send_all: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    edits_seen: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    planned_version: Mapped[int] = mapped_column(BigInteger, default=-1, server_default="-1")
    planned_at: Mapped[datetime | None]
    derived_version: Mapped[int] = mapped_column(BigInteger, default=-1, server_default="-1")
    derived_at: Mapped[datetime | None]
    derived_until: Mapped[datetime | None]
    compared_at: Mapped[datetime | None]
    comparison: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    end_again_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "connections_live",
            "provider_id",
            "partner",
            unique=True,
            postgresql_where=text("status IN ('active', 'paused')"),
        ),
        Index("connections_listed", "started_at", "id"),
    )


class ConnectionServiceRow(Base):
    """One service of a connection.

    ``content`` is what is bookable (None: it is not), ``acknowledged`` what the partner took last (empty: it may have
    something, it is not known what), ``sent`` what is in delivery ``delivery_id`` and may have arrived, ``tried_before``
    what an earlier try may have brought since (JSON null: a withdrawal; empty: any of several). ``known_price`` is what
    the partner acknowledged by a notice (R16), ``admitted_at`` when it confirmed the service (R14). ``differs_since`` is
    when the two sides began to differ, None where they do not. ``position`` orders the changes of the feed.
    """

    __tablename__ = "connection_services"
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    service_id: Mapped[str] = mapped_column(ForeignKey("services.id"), primary_key=True)
    admitted_at: Mapped[datetime | None]
    content: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    changed_at: Mapped[datetime | None]
    position: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    acknowledged: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    acknowledged_at: Mapped[datetime | None]
    delivery_id: Mapped[str | None]
    sent: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    tried_before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    rejection: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    known_price: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    known_price_at: Mapped[datetime | None]
    known_price_number: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    differs_since: Mapped[datetime | None]
    __table_args__ = (
        Index("connection_services_changed", "position"),
        Index(
            "connection_services_rejected",
            "connection_id",
            postgresql_where=text("rejection IS NOT NULL"),
        ),
    )


class DeliveryRow(Base):
    """One message to a partner's system: the same id and content in every try. ``state``: waiting, taken, superseded.

    ``not_before`` is when the partner itself asked to be tried again.
    """

    __tablename__ = "deliveries"
    id: Mapped[str] = mapped_column(primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"))
    sequence: Mapped[int]
    type: Mapped[str]
    services: Mapped[int]
    withdrawn: Mapped[int]
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    last_try_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    verdict: Mapped[str | None]
    status: Mapped[int | None]
    answer: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("connection_id", "sequence", name="deliveries_once"),
        Index("deliveries_waiting", "connection_id", unique=True, postgresql_where=text("state = 'waiting'")),
    )


class NoticeRow(Base):
    """What the partner is told by e-mail and acknowledges by link: new examinations (R14), a price edit (R16).

    ``number`` orders them within a connection. ``state``: waiting, sent, acknowledged, rejected, withdrawn.
    """

    __tablename__ = "notices"
    id: Mapped[str] = mapped_column(primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"))
    number: Mapped[int]
    kind: Mapped[str]
    edit_id: Mapped[str | None]
    lines: Mapped[list[Any]]
    state: Mapped[str]
    attempt: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    trouble: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    reason: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("connection_id", "number", name="notices_in_order"),
        UniqueConstraint("connection_id", "edit_id", name="notices_once"),
        Index(
            "notices_open",
            "connection_id",
            postgresql_where=text("state IN ('waiting', 'sent', 'rejected')"),
        ),
    )


class ConnectionEventRow(Base):
    """One line of a connection's history."""

    __tablename__ = "connection_events"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), index=True)
    type: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[dict[str, Any]]
    data: Mapped[dict[str, Any]]


class PartnerHealthRow(Base):
    """Whether a partner's system answers; ``open_until`` is when the next try may be made for all of its connections."""

    __tablename__ = "partner_health"
    partner: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    open_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    last_ok_at: Mapped[datetime | None]
