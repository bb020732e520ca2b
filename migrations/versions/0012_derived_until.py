"""until when what is bookable holds, if nobody changes anything"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("derived_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("connections", "derived_until")
