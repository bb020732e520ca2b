"""A channel's price list: read, replaced, imported from a clinic's own file, exported (R8)."""

import asyncio
import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile

from adapters.database import catalogue_channels as store
from adapters.database import price_edits
from adapters.database.price_edits import By
from adapters.price_files.reading import read_prices
from adapters.price_files.writing import csv_of, xlsx_of
from api.access import CatalogueEditor, Reader
from api.concurrency import IfMatch, etag
from api.context import Context, Language
from api.preview import DryRun, previewed
from api.price_saving import Edit, Editing, edited
from api.routes.partners import Partner
from api.routes.providers import ProviderId, change_provider, read_provider
from api.routes.services import NAMED_AT_MOST, must_exist
from api.schemas.channels import PriceList
from api.schemas.preview import Preview
from api.schemas.price_bulk import Mode
from api.schemas.prices import Format, PriceEditAnswer
from domain.errors import Invalid
from domain.price_import import Weighed, weigh
from domain.price_match import plain
from domain.prices import Offer, Source

router = APIRouter()
HERE = "/providers/{provider_id}/channels/{slug}/prices"
TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# The body is read before the form, for the Idempotency-Key's sake, so FastAPI cannot describe it by itself.
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "title": "File",
                            "description": "CSV or XLSX with titles above the columns; at most 20,000 rows",
                        }
                    },
                }
            }
        },
    }
}


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


@router.put(HERE)
async def put_prices(
    provider_id: ProviderId,
    slug: Partner,
    wanted: PriceList,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    if_match: IfMatch,
    response: Response,
    dry_run: DryRun = False,
) -> PriceList | Preview:
    """Puts this in the place of the whole price list: a service that is not in it loses its price."""
    _must_fit(wanted, context.playbooks.get(slug).currency)

    async def work(session: AsyncSession) -> None:
        await change_provider(session, principal, provider_id)
        if_match.must_be(await store.channel_version(session, provider_id, slug))
        await must_exist(session, provider_id, [row.service_id for row in wanted.prices], "prices")
        await store.put_prices(session, provider_id, slug, wanted.priced(), principal.actor)

    if dry_run:
        return (await previewed(context, provider_id, language, work))[1]
    async with context.database.transaction() as session:
        await work(session)
        version = await store.channel_version(session, provider_id, slug)
        rows = await store.prices(session, provider_id, slug)
    response.headers["ETag"] = etag(version)
    return PriceList.of(rows)


@router.post(f"{HERE}/import", response_model=PriceEditAnswer, openapi_extra=_FORM)
async def import_file(
    request: Request,
    asked: Edit,
    mode: Annotated[
        Mode, Query(description="`replace`: services not in the file lose their price")
    ] = Mode.MERGE,
    skip_errors: Annotated[bool, Query(description="leaves wrong rows out and imports the others")] = False,
    confirm: Annotated[bool, Query(description="prices that change more than tenfold are meant")] = False,
) -> Response:
    """Imports a price list (CSV or XLSX, multipart `file`) as one edit; a file with wrong rows changes nothing."""
    content, name = await _sent(request)
    digest = hashlib.sha256(content).hexdigest()
    sheet = await asyncio.to_thread(read_prices, content, name)

    async def look(session: AsyncSession, offers: list[Offer]) -> Weighed:
        replace = mode is Mode.REPLACE
        return await asyncio.to_thread(weigh, sheet.lines, offers, asked.currency, replace=replace)

    by = By(asked.principal.actor, Source.IMPORT, file_name=name, file_sha256=digest)
    return await edited(
        _same_file_same_request(asked, request, name, digest),
        by,
        look,
        sheet=sheet,
        skip_errors=skip_errors,
        confirm=confirm,
    )


@router.get(
    f"{HERE}/export", response_class=Response, responses={200: {"content": {t: {} for t in TYPES.values()}}}
)
async def export(
    provider_id: ProviderId,
    slug: Partner,
    context: Context,
    language: Language,
    principal: Reader,
    format: Annotated[Format, Query(description="`csv` or `xlsx`")] = Format.CSV,
) -> Response:
    """Every service with its price, as a file that can be imported again; titles are in the reader's language."""
    playbook = context.playbooks.get(slug)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        version = await store.channel_version(session, provider_id, slug)
        offers = await price_edits.offers(session, provider_id, slug)
    if format is Format.CSV:
        content = await asyncio.to_thread(csv_of, offers, playbook.currency, language)
    else:
        content = await asyncio.to_thread(xlsx_of, offers, playbook.currency, language, playbook.name)
    disposition = f'attachment; filename="prices-{slug}.{format.value}"'
    return Response(
        content,
        headers={
            "Content-Type": TYPES[format],
            "Content-Disposition": disposition,
            "ETag": etag(version),
        },
    )


async def _sent(request: Request) -> tuple[bytes, str]:
    """The form's one file and its name."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise _no_file()
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise _no_file()
        return await file.read(), plain(file.filename or "")[:200]


def _no_file() -> Invalid:
    return Invalid(
        "No file was sent.",
        mend="Send a form (multipart/form-data) with the price list in its field “file”.",
        code="no-file",
        errors=[{"field": "file", "problem": "missing", "mend": "Add it."}],
    )


def _same_file_same_request(asked: Editing, request: Request, name: str, digest: str) -> Editing:
    """A repetition is the same request though its form has another boundary, and another one with other options."""
    said = "\0".join((request.method, request.url.path, request.url.query, name, digest))
    once = asked.once.model_copy(update={"digest": hashlib.sha256(said.encode()).hexdigest()})
    return Editing(**{**vars(asked), "once": once})


def _must_fit(wanted: PriceList, currency: str) -> None:
    """Raises Invalid naming the rows with a foreign currency, or with a service that has a row already."""
    errors: list[dict[str, str]] = []
    first_row: dict[str, int] = {}
    for number, row in enumerate(wanted.prices):
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
