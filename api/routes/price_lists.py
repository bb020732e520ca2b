"""A channel's price list as JSON: read, replaced, some prices set, on one channel or on several (R8, R16)."""

from collections.abc import Sequence

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_channels as store
from adapters.database.price_edits import By
from api.access import Reader
from api.concurrency import NO_IF_MATCH, Expected, etag
from api.context import Context
from api.price_saving import Ask, Asking, Confirm, Edit, How, Weigh, edited, edited_together
from api.routes.partners import Partner
from api.routes.providers import ProviderId, read_provider
from api.routes.services import NAMED_AT_MOST, must_exist
from api.schemas.channels import PriceList, PriceRow
from api.schemas.price_bulk import SetPrices, SetPricesTogether
from api.schemas.prices import PriceEditAnswer, PriceEditsAnswer
from domain.errors import Invalid
from domain.price_bulk import set_all
from domain.price_import import Weighed
from domain.prices import Offer, Source

router = APIRouter()
HERE = "/providers/{provider_id}/channels/{slug}/prices"


@router.get(HERE)
async def prices(
    provider_id: ProviderId, slug: Partner, context: Context, principal: Reader, response: Response
) -> PriceList:
    """The whole price list, by the services' code."""
    context.playbooks.get(slug)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        version = await store.channel_version(session, provider_id, slug)
        rows = await store.prices(session, provider_id, slug)
    response.headers["ETag"] = etag(version)
    return PriceList.of(rows)


@router.put(HERE, response_model=PriceEditAnswer)
async def put_prices(asked: Edit, wanted: PriceList, confirm: Confirm = False) -> Response:
    """Puts this in the place of the whole price list, in one edit: a service that is not in it loses its price."""
    _must_fit(wanted.prices, asked.currency)
    look = _setting(asked, wanted, replace=True)
    return await edited(
        asked, By(asked.principal.actor, Source.PUT), look, How(confirm=confirm, whole_list=True)
    )


@router.post(f"{HERE}/set", response_model=PriceEditAnswer)
async def set_prices(asked: Edit, wanted: SetPrices, confirm: Confirm = False) -> Response:
    """Sets some prices, in one edit; all others stay."""
    _must_fit(wanted.prices, asked.currency)
    look = _setting(asked, wanted, replace=False)
    return await edited(asked, By(asked.principal.actor, Source.SET), look, How(confirm=confirm))


@router.post(
    "/providers/{provider_id}/prices/set", response_model=PriceEditsAnswer, dependencies=[NO_IF_MATCH]
)
async def set_prices_together(asked: Ask, wanted: SetPricesTogether, confirm: Confirm = False) -> Response:
    """Sets the same prices on several channels, all or none: one edit and one notice for each channel."""
    expected = _expected(wanted)
    _must_fit(wanted.prices, _currency(asked, list(expected)))
    look = _setting(asked, wanted, replace=False)
    by = By(asked.principal.actor, Source.SET)
    return await edited_together(asked, expected, by, look, How(confirm=confirm))


def _setting(asked: Asking, wanted: PriceList, *, replace: bool) -> Weigh:
    given = {price.service_id: price for price in wanted.priced()}

    async def look(session: AsyncSession, offers: list[Offer]) -> Weighed:
        await must_exist(session, asked.provider_id, list(given), "prices")
        return set_all(offers, given, replace=replace)

    return look


def _expected(wanted: SetPricesTogether) -> dict[str, Expected]:
    """The channels, each once, with the version that it must have, if one is named."""
    stray = [slug for slug in wanted.versions if slug not in wanted.channels]
    if stray:
        raise Invalid(
            "“versions” names “{slug}”, which is not among “channels”; nothing was changed.",
            mend="Add it to “channels”, or take it out of “versions”.",
            slug=stray[0][:64],
        )
    return {
        slug: Expected(tags=(etag(wanted.versions[slug]),) if slug in wanted.versions else None)
        for slug in wanted.channels
    }


def _currency(asked: Asking, slugs: Sequence[str]) -> str:
    """The one that all of these channels have."""
    currencies = sorted({asked.context.playbooks.get(slug).currency for slug in slugs})
    if len(currencies) > 1:
        raise Invalid(
            "These channels have several currencies ({currencies}); nothing was changed.",
            mend="Send one call for the channels of each currency.",
            code="currency-foreign",
            currencies=", ".join(currencies),
        )
    return currencies[0]


def _must_fit(rows: Sequence[PriceRow], currency: str) -> None:
    """Raises Invalid naming the rows with a foreign currency, or with a service that has a row already."""
    errors: list[dict[str, str]] = []
    first_row: dict[str, int] = {}
    for number, row in enumerate(rows):
        if row.currency != currency:
            problem = f"“{row.currency}” is not the currency of this channel"
            errors.append(
                {"field": f"prices.{number}.currency", "problem": problem, "mend": f"Use {currency}."}
            )
        if (before := first_row.setdefault(row.service_id, number)) != number:
            problem = f"“{row.service_id}” has a price in row {before} already"
            errors.append(
                {"field": f"prices.{number}.service_id", "problem": problem, "mend": "Keep one of them."}
            )
    if errors:
        raise Invalid(
            "The price list is not right: {field}: {problem}; nothing was changed.",
            mend="Mend the rows listed in “errors” and send it again.",
            errors=errors[:NAMED_AT_MOST],
            field=errors[0]["field"],
            problem=errors[0]["problem"],
        )
