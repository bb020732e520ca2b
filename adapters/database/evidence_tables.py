"""Uploaded evidence, as SQLAlchemy sees it; its contents are in :mod:`adapters.evidence_files`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from adapters.database.tables import Base


class EvidenceRow(Base):
    """A file that proves something in an onboarding. Several rows may have one content, each with its own name."""

    __tablename__ = "evidence"
    id: Mapped[str] = mapped_column(primary_key=True)
    onboarding_id: Mapped[str] = mapped_column(ForeignKey("onboardings.id"))
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    uploaded_at: Mapped[datetime]
    uploaded_by: Mapped[dict[str, Any]]
    __table_args__ = (Index("evidence_listed", "onboarding_id", "uploaded_at", "id"),)
