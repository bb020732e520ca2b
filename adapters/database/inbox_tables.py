"""Saved views of the inbox, and who is being reminded from it. Every time is aware UTC."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from adapters.database.tables import Base


class TaskViewRow(Base):
    """A named set of filters of the inbox: its owner's, or everybody's where it is shared."""

    __tablename__ = "task_views"
    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    filters: Mapped[dict[str, Any]]
    is_shared: Mapped[bool]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    __table_args__ = (UniqueConstraint("owner", "name", name="task_views_name"),)


class RemindClaimRow(Base):
    """The newest command of a person that was let through to remind a role of a step; deleted where it was refused."""

    __tablename__ = "remind_claims"
    onboarding_id: Mapped[str] = mapped_column(ForeignKey("onboardings.id"), primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    command_id: Mapped[str]
    at: Mapped[datetime]
