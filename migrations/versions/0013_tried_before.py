"""what earlier tries may have brought to a partner, beside what it took last"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    column = sa.Column("tried_before", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    op.add_column("connection_services", column)


def downgrade() -> None:
    op.drop_column("connection_services", "tried_before")
