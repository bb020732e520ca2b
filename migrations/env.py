"""Runs migrations under an advisory lock, each run in one transaction."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

import adapters.database.bounce_tables
import adapters.database.connection_tables
import adapters.database.evidence_tables
import adapters.database.inbox_tables
import adapters.database.people_tables  # noqa: F401 - their tables belong to the metadata
from adapters.database.tables import Base

ONE_AT_A_TIME = 0x7261636F7265


def run() -> None:
    # Its one connection is closed whatever a migration does.
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ONE_AT_A_TIME})
        connection.commit()
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ONE_AT_A_TIME})
        connection.commit()


run()
