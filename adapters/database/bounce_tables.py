"""The table of what came back. Its times are aware UTC; ids are opaque text."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from adapters.database.tables import Base


class BounceRow(Base):
    """An address to which a message could not be delivered: the mark on the contact that has this ``role``.

    ``told_at`` is set when the workflow knows, or when none need know; ``resolved_at`` when it was sent again to a
    corrected address, when that was all there was to do, or when a later message about the same went there.
    ``report`` is the report's Message-ID or hash, null for a server's no at the hand-over.
    """

    __tablename__ = "bounces"
    id: Mapped[str] = mapped_column(primary_key=True)
    mail_id: Mapped[str] = mapped_column(ForeignKey("mails.id"))
    address: Mapped[str]
    role: Mapped[str]
    is_copy: Mapped[bool]
    status: Mapped[str]
    diagnostic: Mapped[str]
    report: Mapped[str | None]
    received_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("mail_id", "address", name="bounces_once"),
        Index("bounces_listed", "received_at", "id"),
        Index("bounces_untold", "id", postgresql_where=text("told_at IS NULL")),
        Index("bounces_open", "id", postgresql_where=text("resolved_at IS NULL")),
    )
