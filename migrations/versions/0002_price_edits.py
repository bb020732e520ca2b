"""every change of a price list is an edit"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "price_edits",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("author", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("file_sha256", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undoes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("price_edits_channel", "price_edits", ["provider_id", "partner", "number"])
    op.create_table(
        "price_changes",
        sa.Column("edit_id", sa.Text(), nullable=False),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("old_amount", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("old_currency", sa.Text(), nullable=True),
        sa.Column("new_amount", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("new_currency", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["edit_id"], ["price_edits.id"]),
        sa.PrimaryKeyConstraint("edit_id", "service_id"),
    )
