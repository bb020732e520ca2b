"""Connections: one engine a process, one transaction a request or activity, committed by whoever opened it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

import adapters.database.people_tables  # noqa: F401 - onboardings refer to them, whoever reads or writes one
from adapters.settings import Settings


class Database:
    """The process's way to Postgres.

    ``single`` is for work that is one statement, which is atomic by itself: one round trip in place of three.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.single = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def connect(cls, settings: Settings) -> "Database":
        """Makes the engine; no connection is opened before it is used."""
        return cls(
            create_async_engine(
                settings.sqlalchemy_url,
                pool_size=settings.database_pool_size,
                max_overflow=0,
                pool_use_lifo=True,
                pool_recycle=1800,
                connect_args={"options": "-c timezone=UTC"},
            )
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end, rolled back by any error. Callees never commit."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def close(self) -> None:
        await self.engine.dispose()
