"""Saved views of the inbox. Every time is aware UTC."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint, func
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
