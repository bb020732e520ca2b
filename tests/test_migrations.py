"""Migrations from nothing give the tables of the metadata, all of them and no others; again, they do nothing."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import Connection, create_engine, inspect, text

from adapters.database.migrate import alembic_config, migrate
from adapters.database.tables import Base
from adapters.settings import Settings
from tests.stack import settings_for

PROJECT = Path(__file__).resolve().parent.parent
MIGRATE = """
import json, sys
from adapters.database.migrate import migrate
from adapters.settings import Settings
migrate(Settings(**json.loads(sys.argv[1])))
"""


@pytest.fixture
async def empty(postgres_url: str) -> AsyncIterator[Settings]:
    """Settings of an empty database of this test's own."""
    name = f"empty_{secrets.token_hex(4)}"
    base, _, _ = postgres_url.rpartition("/")
    with psycopg.connect(postgres_url, autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield settings_for(f"{base}/{name}", "127.0.0.1:1", 1)
    with psycopg.connect(postgres_url, autocommit=True) as session:
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def described(connection: Connection) -> dict[str, list[str]]:
    """Every column and index, as Postgres tells them."""
    columns = connection.execute(
        text(
            "SELECT table_name, column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') "
            "FROM information_schema.columns WHERE table_schema = 'public'"
        )
    )
    indexes = connection.execute(
        text("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    )
    found: dict[str, list[str]] = {}
    for table, line in (*columns, *indexes):
        found.setdefault(table, []).append(line)
    return {table: sorted(lines) for table, lines in found.items()}


async def test_migrations_from_nothing_give_exactly_the_tables_of_the_metadata(empty: Settings) -> None:
    await asyncio.to_thread(migrate, empty)
    engine = create_engine(empty.sqlalchemy_url)
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
        compared = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(compared, Base.metadata) == []
    engine.dispose()
    await asyncio.to_thread(command.check, alembic_config(empty))


async def test_migrating_again_does_nothing(empty: Settings) -> None:
    engine = create_engine(empty.sqlalchemy_url)
    await asyncio.to_thread(migrate, empty)
    with engine.connect() as connection:
        before = described(connection)
        head = connection.scalar(text("SELECT version_num FROM alembic_version"))
    await asyncio.to_thread(migrate, empty)
    with engine.connect() as connection:
        assert described(connection) == before
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [head]
    assert head == ScriptDirectory.from_config(alembic_config(empty)).get_current_head()
    engine.dispose()


async def test_several_processes_may_migrate_at_once(empty: Settings) -> None:
    values = json.dumps(empty.model_dump(mode="json") | {"secret_keys": ["x" * 32]})
    start = asyncio.create_subprocess_exec
    running = [await start(sys.executable, "-c", MIGRATE, values, cwd=PROJECT) for _ in range(3)]
    assert await asyncio.gather(*(one.wait() for one in running)) == [0, 0, 0]
    engine = create_engine(empty.sqlalchemy_url)
    with engine.connect() as connection:
        assert {*Base.metadata.tables} <= described(connection).keys()
    engine.dispose()
