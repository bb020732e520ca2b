"""Bulk changes of a channel's prices, and the edits that were saved: listed, shown, taken back (R8, R16)."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_channels, price_edits
from adapters.database.price_edits import By
from adapters.database.tables import PriceEditRow
from api.access import Reader, not_found
from api.context import Context
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.price_saving import Confirm, Edit, How, edited
from api.routes.partners import Partner
from api.routes.providers import ProviderId, read_provider
from api.routes.services import must_exist
from api.schemas.catalogue import ID
from api.schemas.price_bulk import ClearPrices, CopyPrices, Mode, RaisePrices
from api.schemas.prices import PriceChangeView, PriceEditAnswer, PriceEditDetail, PriceEditPage, PriceEditView
from domain.errors import N_, Conflict, Invalid, TooLate
from domain.price_bulk import clear_all, copy_all, raise_all, take_back
from domain.price_import import Weighed
from domain.prices import Offer, Source, in_the_way

router = APIRouter()
HERE = "/providers/{provider_id}/channels/{slug}/prices"
_TO_HAVE_IT = N_("To bring its prices back, undo {newest}.")
_TO_UNDO_AGAIN = N_("Its prices are back since. To take them back again, undo {newest}.")
EditId = Annotated[str, Path(pattern=ID, examples=["ped_3k9d0m2x7q4w8z1v5b6n"])]


@router.post(f"{HERE}/raise", response_model=PriceEditAnswer)
async def raise_prices(asked: Edit, wanted: RaisePrices, confirm: Confirm = False) -> Response:
    """Raises prices by percent and rounds them, half up, in one edit."""

    async def look(session: AsyncSession, offers: list[Offer]) -> Weighed:
        await must_exist(session, asked.provider_id, wanted.service_ids or ())
        return raise_all(offers, Decimal(wanted.percent), Decimal(wanted.rounding), _only(wanted.service_ids))

    return await edited(asked, By(asked.principal.actor, Source.RAISE), look, How(confirm=confirm))


@router.post(f"{HERE}/clear", response_model=PriceEditAnswer)
async def clear_prices(asked: Edit, wanted: ClearPrices) -> Response:
    """Takes prices away, in one edit."""

    async def look(session: AsyncSession, offers: list[Offer]) -> Weighed:
        await must_exist(session, asked.provider_id, wanted.service_ids or ())
        return clear_all(offers, _only(wanted.service_ids))

    return await edited(asked, By(asked.principal.actor, Source.CLEAR), look)


@router.post(f"{HERE}/copy", response_model=PriceEditAnswer)
async def copy_prices(asked: Edit, wanted: CopyPrices, confirm: Confirm = False) -> Response:
    """Takes over the prices of another of the provider's channels, in one edit."""
    other = asked.context.playbooks.get(wanted.from_)
    if other.slug == asked.slug:
        raise Invalid("A channel cannot be copied onto itself.", mend="Name another channel in “from”.")
    if other.currency != asked.currency:
        raise Invalid(
            "The prices of “{other}” are in {theirs}, and those of this channel in {ours}.",
            mend="Copy from a channel with the same currency, or import a price list.",
            code="currency-foreign",
            other=other.slug,
            theirs=other.currency,
            ours=asked.currency,
        )

    async def look(session: AsyncSession, offers: list[Offer]) -> Weighed:
        rows = await catalogue_channels.prices(session, asked.provider_id, other.slug)
        source = {row.service_id: row for row in rows if row.currency == asked.currency}
        percent, rounding = Decimal(wanted.percent), Decimal(wanted.rounding)
        return copy_all(offers, source, percent, rounding, replace=wanted.mode is Mode.REPLACE)

    return await edited(asked, By(asked.principal.actor, Source.COPY), look, How(confirm=confirm))


@router.get(f"{HERE}/edits")
async def listing(
    provider_id: ProviderId,
    slug: Partner,
    context: Context,
    principal: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PriceEditPage:
    """Newest first."""
    context.playbooks.get(slug)
    before = read_cursor(cursor, int)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        rows = await price_edits.edits(
            session, provider_id, slug, limit=limit + 1, before=before[0] if before else None
        )
    shown = rows[:limit]
    following = cursor_of(shown[-1].number) if len(rows) > limit else None
    return PriceEditPage(items=[PriceEditView.of(row) for row in shown], next_cursor=following)


@router.get(f"{HERE}/edits/{{edit_id}}")
async def one(
    provider_id: ProviderId,
    slug: Partner,
    edit_id: EditId,
    context: Context,
    principal: Reader,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> PriceEditDetail:
    """An edit and what it changed, by the services' code."""
    context.playbooks.get(slug)
    after = read_cursor(cursor, str, str)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        found = await _find(session, provider_id, slug, edit_id)
        lines = await price_edits.changes(
            session, edit_id, limit=limit + 1, after=after and (after[0], after[1])
        )
    shown = lines[:limit]
    return PriceEditDetail(
        **PriceEditView.of(found).model_dump(),
        items=[PriceChangeView.of(line) for line in shown],
        next_cursor=cursor_of(shown[-1].code, shown[-1].service_id) if len(lines) > limit else None,
    )


@router.post(f"{HERE}/edits/{{edit_id}}/undo", response_model=PriceEditAnswer)
async def undo(asked: Edit, edit_id: EditId) -> Response:
    """Gives every service of an edit the price it had before. That is an edit too, and can be undone."""

    async def look(session: AsyncSession, offers: list[Offer]) -> Weighed:
        found = await _find(session, asked.provider_id, asked.slug, edit_id)
        await _must_be_undoable(session, found)
        before = {line.service_id: line.old for line in await price_edits.changes(session, edit_id)}
        weighed = take_back(offers, before)
        if not weighed.verdicts:
            raise Conflict(
                "Every service of this edit is deleted.",
                mend="There is nothing to undo.",
                code="nothing-to-undo",
            )
        return weighed

    return await edited(asked, By(asked.principal.actor, Source.UNDO, undoes=edit_id), look)


async def _must_be_undoable(session: AsyncSession, found: PriceEditRow) -> None:
    if chain := await price_edits.undos(session, found.id):
        raise TooLate(
            "This edit was undone already, by {by}.",
            mend=_TO_HAVE_IT if len(chain) % 2 else _TO_UNDO_AGAIN,
            code="already-undone",
            by=chain[0],
            newest=chain[-1],
        )
    other = in_the_way(await price_edits.later(session, found))
    if other is not None:
        # One whose undo was undone holds again: then only the newest of that chain can be undone.
        chain = await price_edits.undos(session, other)
        raise Conflict(
            "A later edit ({other}) changed prices of the same services.",
            mend="Undo {other} first, or set the prices anew.",
            code="later-edit",
            other=chain[-1] if chain else other,
        )


async def _find(session: AsyncSession, provider_id: str, slug: str, edit_id: str) -> PriceEditRow:
    found = await price_edits.edit(session, provider_id, slug, edit_id)
    if found is None:
        raise not_found("price edit", edit_id)
    return found


def _only(service_ids: list[str] | None) -> frozenset[str] | None:
    return None if service_ids is None else frozenset(service_ids)
