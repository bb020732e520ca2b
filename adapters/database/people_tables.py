"""The tables of the people on our side: account managers, and who stands in for whom on which days."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from adapters.database.tables import Base


class AccountManagerRow(Base):
    """Somebody of ours who brings onboardings forward. The retired stay, for what they did is told with their names."""

    __tablename__ = "account_managers"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    locale: Mapped[str]
    time_zone: Mapped[str]
    lead_id: Mapped[str | None] = mapped_column(ForeignKey("account_managers.id"), index=True)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "account_managers_email",
            func.lower(text("email")),
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
        CheckConstraint("lead_id <> id", name="account_managers_lead"),
    )


class SubstitutionRow(Base):
    """Both days are included. That no two of one person overlap is seen to by whoever writes them, under the lock.

    One that was taken away, at ``ended_at``, stays for the record and counts no more.
    """

    __tablename__ = "substitutions"
    id: Mapped[str] = mapped_column(primary_key=True)
    account_manager_id: Mapped[str] = mapped_column(ForeignKey("account_managers.id"))
    substitute_id: Mapped[str] = mapped_column(ForeignKey("account_managers.id"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    reason: Mapped[str]
    created_by: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[dict[str, Any] | None]
    ended_reason: Mapped[str | None]
    __table_args__ = (
        Index("substitutions_days", "account_manager_id", "last_day"),
        CheckConstraint("first_day <= last_day", name="substitutions_order"),
        CheckConstraint("substitute_id <> account_manager_id", name="substitutions_other"),
    )
