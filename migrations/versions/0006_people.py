"""account managers, their substitutes, and whose an onboarding is"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "account_managers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("lead_id <> id", name="account_managers_lead"),
        sa.ForeignKeyConstraint(["lead_id"], ["account_managers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_account_managers_lead_id", "account_managers", ["lead_id"])
    op.create_index(
        "account_managers_email",
        "account_managers",
        [sa.text("lower(email)")],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_table(
        "substitutions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_manager_id", sa.Text(), nullable=False),
        sa.Column("substitute_id", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_by", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("first_day <= last_day", name="substitutions_order"),
        sa.CheckConstraint("substitute_id <> account_manager_id", name="substitutions_other"),
        sa.ForeignKeyConstraint(["account_manager_id"], ["account_managers.id"]),
        sa.ForeignKeyConstraint(["substitute_id"], ["account_managers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("substitutions_days", "substitutions", ["account_manager_id", "last_day"])
    op.create_index("ix_substitutions_substitute_id", "substitutions", ["substitute_id"])
    op.add_column("onboardings", sa.Column("assignee_id", sa.Text(), nullable=True))
    op.create_foreign_key(
        "onboardings_assignee_id_fkey", "onboardings", "account_managers", ["assignee_id"], ["id"]
    )
    op.create_index("ix_onboardings_assignee_id", "onboardings", ["assignee_id"])


def downgrade() -> None:
    op.drop_index("ix_onboardings_assignee_id", "onboardings")
    op.drop_constraint("onboardings_assignee_id_fkey", "onboardings")
    op.drop_column("onboardings", "assignee_id")
    op.drop_table("substitutions")
    op.drop_table("account_managers")
