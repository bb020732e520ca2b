"""A channel's price list as a file: imported from a clinic's own, exported (R8)."""

import asyncio
import hashlib
from dataclasses import replace as but
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_channels as store
from adapters.database import price_edits
from adapters.database.price_edits import By
from adapters.price_files.reading import read_prices
from adapters.price_files.writing import csv_of, xlsx_of
from api.access import Reader
from api.concurrency import etag
from api.context import Context, Language
from api.price_saving import Confirm, Edit, Editing, How, edited
from api.routes.partners import Partner
from api.routes.providers import ProviderId, read_provider
from api.schemas.price_bulk import Mode
from api.schemas.prices import Format, PriceEditAnswer
from api.sent_file import file_form, sent_file
from domain.price_import import Weighed, weigh
from domain.price_match import plain
from domain.prices import Offer, Source

router = APIRouter()
HERE = "/providers/{provider_id}/channels/{slug}/prices"
TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# The body is read before the form, for the Idempotency-Key's sake.
_FORM = file_form("CSV or XLSX with titles above the columns; at most 20,000 rows")


@router.post(f"{HERE}/import", response_model=PriceEditAnswer, openapi_extra=_FORM)
async def import_file(
    request: Request,
    asked: Edit,
    mode: Annotated[
        Mode, Query(description="`replace`: services not in the file lose their price")
    ] = Mode.MERGE,
    skip_errors: Annotated[bool, Query(description="leaves wrong rows out and imports the others")] = False,
    confirm: Confirm = False,
) -> Response:
    """Imports a price list (CSV or XLSX, multipart `file`) as one edit; a file with wrong rows changes nothing."""
    content, name = await _sent(request)
    digest = hashlib.sha256(content).hexdigest()
    sheet = await asyncio.to_thread(read_prices, content, name)

    async def look(session: AsyncSession, offers: list[Offer]) -> Weighed:
        replace = mode is Mode.REPLACE
        return await asyncio.to_thread(weigh, sheet.lines, offers, asked.currency, replace=replace)

    by = By(asked.principal.actor, Source.IMPORT, file_name=name, file_sha256=digest)
    how = How(skip_errors=skip_errors, confirm=confirm, sheet=sheet)
    return await edited(_same_file_same_request(asked, request, name, digest), by, look, how)


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
    async with sent_file(request) as file:
        return await file.read(), plain(file.filename or "")[:200]


def _same_file_same_request(asked: Editing, request: Request, name: str, digest: str) -> Editing:
    """A repetition is the same request though its form has another boundary, and another one with other options."""
    said = "\0".join((request.method, request.url.path, request.url.query, name, digest))
    once = asked.once.model_copy(update={"digest": hashlib.sha256(said.encode()).hexdigest()})
    return but(asked, once=once)
