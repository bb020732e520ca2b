"""Saved changes of price lists (R8, R16): each is one edit, with its author, its time, and old → new.

Nothing here commits; writers hold :func:`catalogue.lock`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Select, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.catalogue import touch
from adapters.database.tables import Price, PriceChangeRow, PriceEditRow, Service
from adapters.identifiers import new_id
from domain.model import Actor
from domain.prices import Later, Offer, Priced, Source

# The clock of the statement, not of the transaction: an edit's time is when its turn came. An edit row and its
# changes are written by one statement, so that no edit is left over where nothing changed.
_SAVE = text(
    """
    WITH given AS (
        SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:amounts AS numeric[]), CAST(:currencies AS text[]))
            AS g(service_id, amount, currency)
    ), had AS (
        SELECT service_id, amount, currency FROM prices WHERE provider_id = :provider AND partner = :partner
    ), changes AS MATERIALIZED (
        SELECT service_id, had.amount AS old_amount, had.currency AS old_currency,
            given.amount AS new_amount, given.currency AS new_currency
        FROM given FULL JOIN had USING (service_id)
        WHERE (given.service_id IS NOT NULL OR :replace)
            AND (given.amount, given.currency) IS DISTINCT FROM (had.amount, had.currency)
    ), edit AS (
        INSERT INTO price_edits
            (id, provider_id, partner, author, source, file_name, file_sha256, at, changes, undoes)
        SELECT :edit, :provider, :partner, CAST(:author AS jsonb), :source, :file_name, :file_sha256,
            clock_timestamp(), count(*), :undoes
        FROM changes HAVING count(*) > 0
    ), kept AS (
        INSERT INTO price_changes
            (edit_id, service_id, old_amount, old_currency, new_amount, new_currency)
        SELECT :edit, service_id, old_amount, old_currency, new_amount, new_currency FROM changes
    ), gone AS (
        DELETE FROM prices USING changes
        WHERE provider_id = :provider AND partner = :partner AND new_amount IS NULL
            AND prices.service_id = changes.service_id
    ), made AS (
        INSERT INTO prices (provider_id, partner, service_id, amount, currency, updated_at)
        SELECT :provider, :partner, service_id, new_amount, new_currency, now()
        FROM changes WHERE new_amount IS NOT NULL
        ON CONFLICT (provider_id, partner, service_id) DO UPDATE
            SET amount = excluded.amount, currency = excluded.currency, updated_at = now()
    )
    SELECT count(*) FROM changes
    """
)


_UNDOS = text(
    """
    WITH RECURSIVE chain AS (
        SELECT id, number, undone_by FROM price_edits WHERE id = :edit
        UNION ALL
        SELECT its_undo.id, its_undo.number, its_undo.undone_by
        FROM chain JOIN price_edits AS its_undo ON its_undo.id = chain.undone_by
    )
    SELECT id FROM chain WHERE id <> :edit ORDER BY number
    """
)

# Right after a bulk edit Postgres has no statistics, takes 20,000 rows for one, and would join them in a loop of
# 400 million turns. This holds until the transaction ends, which does nothing else that is large.
_NO_LOOPS = text("SET LOCAL enable_nestloop = off")


@dataclass(frozen=True)
class By:
    """Who changes prices, through what; a file is named with the SHA-256 of what was sent."""

    author: Actor
    source: Source
    file_name: str | None = None
    file_sha256: str | None = None
    undoes: str | None = None


@dataclass(frozen=True)
class Wanted:
    """New prices of services that are alive and named once, and services that lose theirs.

    All others keep theirs, or lose them too with ``replace``.
    """

    prices: Sequence[Priced]
    cleared: Sequence[str] = ()
    replace: bool = False


async def save(
    session: AsyncSession, provider_id: str, wanted: Mapping[str, Wanted], by: By
) -> dict[str, str]:
    """Changes the prices of channels, by partner: an edit and a nudge for each; the edits' ids, by partner.

    A channel on which nothing changes gets no edit and no nudge, and is not in the answer.
    """
    await session.execute(_NO_LOOPS)
    made = {}
    for partner, change in wanted.items():
        edit_id = new_id("ped")
        given = {
            "provider": provider_id,
            "partner": partner,
            "edit": edit_id,
            "ids": [price.service_id for price in change.prices] + list(change.cleared),
            "amounts": [price.amount for price in change.prices] + [None] * len(change.cleared),
            "currencies": [price.currency for price in change.prices] + [None] * len(change.cleared),
            "replace": change.replace,
            "author": by.author.model_dump_json(),
            "source": by.source.value,
            "file_name": by.file_name,
            "file_sha256": by.file_sha256,
            "undoes": by.undoes,
        }
        if await session.scalar(_SAVE, given):
            made[partner] = edit_id
            if by.undoes:
                undone = update(PriceEditRow).where(PriceEditRow.id == by.undoes)
                await session.execute(undone.values(undone_by=edit_id))
    if made:
        await touch(session, provider_id, list(made))
    return made


async def offers(session: AsyncSession, provider_id: str, partner: str) -> list[Offer]:
    """Every living service of the provider with its price on that channel, by code."""
    asked = select(Price.service_id, Price.amount, Price.currency).where(
        Price.provider_id == provider_id, Price.partner == partner
    )
    prices = {row.service_id: Priced(*row) for row in await session.execute(asked)}
    services = (
        select(Service.id, Service.code, Service.name, Service.duration_minutes)
        .where(Service.provider_id == provider_id, Service.deleted_at.is_(None))
        .order_by(Service.code, Service.id)
    )
    return [Offer(*row, price=prices.get(row.id)) for row in await session.execute(services)]


async def edits(
    session: AsyncSession, provider_id: str, partner: str, *, limit: int, before: int | None
) -> Sequence[PriceEditRow]:
    """At most ``limit`` edits of a channel, newest first, from behind the number ``before``."""
    ask = _of_channel(provider_id, partner).order_by(PriceEditRow.number.desc()).limit(limit)
    if before is not None:
        ask = ask.where(PriceEditRow.number < before)
    return (await session.scalars(ask)).all()


async def edit(session: AsyncSession, provider_id: str, partner: str, edit_id: str) -> PriceEditRow | None:
    ask = _of_channel(provider_id, partner).where(PriceEditRow.id == edit_id)
    return (await session.scalars(ask)).one_or_none()


@dataclass(frozen=True)
class Kept:
    """One line of an edit: the service as it is called now (deleted or not), its price before and after."""

    service_id: str
    code: str
    name: str
    is_deleted: bool
    old: Priced | None
    new: Priced | None


async def changes(
    session: AsyncSession, edit_id: str, *, limit: int | None = None, after: tuple[str, str] | None = None
) -> list[Kept]:
    """The lines of an edit by the services' code and id, at most ``limit`` from behind ``after``."""
    await session.execute(_NO_LOOPS)
    ask = (
        select(PriceChangeRow, Service.code, Service.name, Service.deleted_at)
        .join(Service, Service.id == PriceChangeRow.service_id)
        .where(PriceChangeRow.edit_id == edit_id)
        .order_by(Service.code, Service.id)
        .limit(limit)
    )
    if after is not None:
        ask = ask.where(tuple_(Service.code, Service.id) > after)
    return [
        Kept(
            row.service_id,
            code,
            name,
            deleted_at is not None,
            _priced(row.service_id, row.old_amount, row.old_currency),
            _priced(row.service_id, row.new_amount, row.new_currency),
        )
        for row, code, name, deleted_at in await session.execute(ask)
    ]


async def later(session: AsyncSession, found: PriceEditRow) -> list[Later]:
    """Edits made after this one on services that it touched and that are alive, newest first."""
    await session.execute(_NO_LOOPS)
    touched = (
        select(PriceChangeRow.service_id)
        .join(Service, Service.id == PriceChangeRow.service_id)
        .where(PriceChangeRow.edit_id == found.id, Service.deleted_at.is_(None))
    )
    again = select(PriceChangeRow.edit_id).where(PriceChangeRow.service_id.in_(touched))
    ask = (
        _of_channel(found.provider_id, found.partner)
        .where(PriceEditRow.number > found.number, PriceEditRow.id.in_(again))
        .order_by(PriceEditRow.number.desc())
    )
    return [Later(row.id, row.undoes) for row in await session.scalars(ask)]


async def undos(session: AsyncSession, edit_id: str) -> list[str]:
    """The undo of this edit, the undo of that one, and so on to the newest."""
    return list(await session.scalars(_UNDOS, {"edit": edit_id}))


def _of_channel(provider_id: str, partner: str) -> Select[PriceEditRow]:
    return select(PriceEditRow).where(
        PriceEditRow.provider_id == provider_id, PriceEditRow.partner == partner
    )


def _priced(service_id: str, amount: Decimal | None, currency: str | None) -> Priced | None:
    return None if amount is None or currency is None else Priced(service_id, amount, currency)
