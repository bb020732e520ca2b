"""what a partner answered when it was asked what it holds, and when it wishes to be tried again"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "connections", sa.Column("comparison", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )
    op.add_column("connections", sa.Column("end_again_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deliveries", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("deliveries", "not_before")
    op.drop_column("connections", "end_again_at")
    op.drop_column("connections", "comparison")
