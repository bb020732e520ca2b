"""since when a service differs at the partner; what was derived last, for the feed"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "connections",
        sa.Column("derived_version", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
    )
    op.add_column("connections", sa.Column("derived_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE connections SET derived_version = planned_version, derived_at = planned_at")
    op.add_column(
        "connection_services", sa.Column("differs_since", sa.DateTime(timezone=True), nullable=True)
    )
    # The nearest that is known. The next look takes it from what does not differ.
    op.execute("UPDATE connection_services SET differs_since = changed_at")


def downgrade() -> None:
    op.drop_column("connection_services", "differs_since")
    op.drop_column("connections", "derived_at")
    op.drop_column("connections", "derived_version")
