"""live connections: what partners are to have, have, were sent and were told"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "partner_health",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_ok_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("partner"),
    )
    op.create_table(
        "connections",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("onboarding_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("ended_by", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("proof", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("consented", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("send_all", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("edits_seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("planned_version", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["onboarding_id"],
            ["onboardings.id"],
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("onboarding_id"),
    )
    op.create_index("connections_listed", "connections", ["started_at", "id"], unique=False)
    op.create_index(
        "connections_live",
        "connections",
        ["provider_id", "partner"],
        unique=True,
        postgresql_where=sa.text("status IN ('active', 'paused')"),
    )
    op.create_table(
        "connection_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("actor", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_connection_events_connection_id"), "connection_events", ["connection_id"], unique=False
    )
    op.create_table(
        "connection_services",
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("acknowledged", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivery_id", sa.Text(), nullable=True),
        sa.Column("sent", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("rejection", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("known_price", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("known_price_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("known_price_number", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
        ),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["services.id"],
        ),
        sa.PrimaryKeyConstraint("connection_id", "service_id"),
    )
    op.create_index("connection_services_changed", "connection_services", ["position"], unique=False)
    op.create_index(
        "connection_services_rejected",
        "connection_services",
        ["connection_id"],
        unique=False,
        postgresql_where=sa.text("rejection IS NOT NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("services", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connection_id", "sequence", name="deliveries_once"),
    )
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["connection_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("edit_id", sa.Text(), nullable=True),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connection_id", "edit_id", name="notices_once"),
        sa.UniqueConstraint("connection_id", "number", name="notices_in_order"),
    )
    op.create_index(
        "notices_open",
        "notices",
        ["connection_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'sent', 'rejected')"),
    )
    op.add_column("api_keys", sa.Column("partner", sa.Text(), nullable=True))
    op.create_index(
        "price_changes_cleared",
        "price_changes",
        ["service_id"],
        postgresql_where=sa.text("new_amount IS NULL"),
    )

    op.execute("CREATE SEQUENCE feed_position")
    # What is live already is connected already: with what is ticked, at the prices of now.
    op.execute(
        """
        INSERT INTO connections (id, provider_id, partner, onboarding_id, status, since, started_at, edits_seen)
        SELECT DISTINCT ON (o.provider_id, o.partner)
            'con_' || substr(o.id, 5), o.provider_id, o.partner, o.id, 'active',
            coalesce(o.ended_at, now()), coalesce(o.ended_at, now()),
            coalesce((SELECT max(number) FROM price_edits e
                WHERE e.provider_id = o.provider_id AND e.partner = o.partner), 0)
        FROM onboardings o
        JOIN channels c ON c.provider_id = o.provider_id AND c.partner = o.partner AND c.enabled
        WHERE o.status = 'live'
        ORDER BY o.provider_id, o.partner, o.created_at DESC
        """
    )
    op.execute(
        """
        INSERT INTO connection_services (connection_id, service_id, admitted_at, known_price, known_price_at)
        SELECT c.id, s.id, c.started_at,
            CASE WHEN p.amount IS NOT NULL
                THEN jsonb_build_object('amount', p.amount::text, 'currency', p.currency) END, c.started_at
        FROM connections c
        JOIN published_services t ON t.provider_id = c.provider_id AND t.partner = c.partner
        JOIN services s ON s.id = t.service_id AND s.deleted_at IS NULL
        LEFT JOIN prices p ON p.provider_id = c.provider_id AND p.partner = c.partner AND p.service_id = s.id
        """
    )
    op.execute(
        """
        INSERT INTO connection_events (connection_id, type, actor, data)
        SELECT id, 'connection.started', '{"id": "system", "kind": "system", "name": "Racord", "role": ""}',
            jsonb_build_object('onboarding', onboarding_id)
        FROM connections
        """
    )


def downgrade() -> None:
    op.execute("DROP SEQUENCE feed_position")
    op.drop_column("api_keys", "partner")
    op.drop_index(
        "price_changes_cleared", table_name="price_changes", postgresql_where=sa.text("new_amount IS NULL")
    )
    op.drop_index(
        "notices_open",
        table_name="notices",
        postgresql_where=sa.text("state IN ('waiting', 'sent', 'rejected')"),
    )
    op.drop_table("notices")
    op.drop_index(
        "deliveries_waiting", table_name="deliveries", postgresql_where=sa.text("state = 'waiting'")
    )
    op.drop_table("deliveries")
    op.drop_index(
        "connection_services_rejected",
        table_name="connection_services",
        postgresql_where=sa.text("rejection IS NOT NULL"),
    )
    op.drop_index("connection_services_changed", table_name="connection_services")
    op.drop_table("connection_services")
    op.drop_index(op.f("ix_connection_events_connection_id"), table_name="connection_events")
    op.drop_table("connection_events")
    op.drop_index(
        "connections_live",
        table_name="connections",
        postgresql_where=sa.text("status IN ('active', 'paused')"),
    )
    op.drop_index("connections_listed", table_name="connections")
    op.drop_table("connections")
    op.drop_table("partner_health")
