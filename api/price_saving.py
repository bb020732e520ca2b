"""One way for every change of prices: weigh it, refuse or preview it, save it as one edit, answer (R8, R16)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import price_edits as store
from adapters.database.catalogue_channels import channel_version
from adapters.database.price_edits import By, Wanted
from adapters.i18n import say
from adapters.price_files.reading import PriceSheet
from api.access import CatalogueEditor, Principal
from api.concurrency import Expected, IfMatch, etag
from api.context import AppContext, Context, Language
from api.idempotency import Once, OnceKey
from api.preview import previewed
from api.problems import ProblemResponse, problem
from api.routes.partners import Partner
from api.routes.providers import ProviderId, change_provider
from api.schemas.prices import PriceEditAnswer
from domain.errors import Conflict, Invalid, RacordError
from domain.price_import import Weighed
from domain.prices import Offer, Status

Weigh = Callable[[AsyncSession, list[Offer]], Awaitable[Weighed]]
DryRun = Annotated[bool, Query(description="shows what would change, and changes nothing")]


@dataclass(frozen=True)
class Editing:
    """Who wants to change which channel's prices."""

    context: AppContext
    language: str
    principal: Principal
    once: OnceKey
    if_match: Expected
    provider_id: str
    slug: str
    dry_run: bool

    @property
    def currency(self) -> str:
        return self.context.playbooks.get(self.slug).currency


async def editing(
    provider_id: ProviderId,
    slug: Partner,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    once: Once,
    if_match: IfMatch,
    dry_run: DryRun = False,
) -> Editing:
    principal.must_reach(provider_id)
    context.playbooks.get(slug)
    return Editing(context, language, principal, once, if_match, provider_id, slug, dry_run)


Edit = Annotated[Editing, Depends(editing)]


class _RefusedError(Exception):
    """Ends the transaction; the refusal carries the whole preview, so that all rows can be mended at once."""

    def __init__(self, said: RacordError, status: int, answer: PriceEditAnswer) -> None:
        self.said, self.status, self.answer = said, status, answer


async def edited(
    asked: Editing,
    by: By,
    weigh: Weigh,
    *,
    sheet: PriceSheet | None = None,
    skip_errors: bool = False,
    confirm: bool = False,
) -> Response:
    """Does what ``weigh`` finds, in one edit, or says what it would do.

    Errors refuse the whole (422) unless they are to be skipped; sudden changes ask for confirmation (409). A dry run
    refuses neither: it shows what would come of the other rows, once confirmed.
    """

    async def work(session: AsyncSession) -> PriceEditAnswer:
        await change_provider(session, asked.principal, asked.provider_id)
        version = await channel_version(session, asked.provider_id, asked.slug)
        asked.if_match.must_be(version)
        weighed = await weigh(session, await store.offers(session, asked.provider_id, asked.slug))

        def answer(edit_id: str | None, version: int) -> PriceEditAnswer:
            return PriceEditAnswer.of(
                weighed, asked.language, edit_id=edit_id, dry_run=asked.dry_run, version=version, sheet=sheet
            )

        if not asked.dry_run:
            _must_be_fit(weighed, answer(None, version), skip_errors, confirm)
        wanted = {asked.slug: Wanted(weighed.prices, weighed.cleared)}
        made = await store.save(session, asked.provider_id, wanted, by)
        if asked.dry_run:
            return answer(None, version)
        version = await channel_version(session, asked.provider_id, asked.slug)
        return answer(made.get(asked.slug), version)

    if asked.dry_run:
        shown, preview = await previewed(asked.context, asked.provider_id, asked.language, work)
        shown = shown.model_copy(update={"channels": preview.channels})
        return JSONResponse(shown.model_dump(mode="json"), headers=_headers(shown))
    try:
        async with asked.context.database.transaction() as session:
            return await asked.once.once(
                session, asked.principal, lambda: work(session), status=200, headers=_headers
            )
    except _RefusedError as refused:
        return _refusal(refused, asked.language)


def _headers(answer: PriceEditAnswer) -> dict[str, str]:
    return {"etag": etag(answer.version)}


def _must_be_fit(weighed: Weighed, answer: PriceEditAnswer, skip_errors: bool, confirm: bool) -> None:
    if (wrong := weighed.count(Status.ERROR)) and not skip_errors:
        said: RacordError = Invalid(
            "{count} rows are wrong; nothing was changed.",
            mend=(
                "Mend the rows listed in “rows” and send it again, or leave the wrong ones out with skip_errors=true."
            ),
            code="prices-with-errors",
            count=wrong,
        )
        raise _RefusedError(said, 422, answer)
    if (sudden := sum(one.is_sudden for one in weighed.verdicts)) and not confirm:
        said = Conflict(
            "{count} prices would change more than tenfold; nothing was changed.",
            mend="Check them in “rows”. If they are meant, send it again with confirm=true.",
            code="confirmation-needed",
            count=sudden,
        )
        raise _RefusedError(said, 409, answer)


def _refusal(refused: _RefusedError, language: str) -> Response:
    """A problem whose ``errors`` name the first rows, and which carries the preview beside them (RFC 9457, 3.2)."""
    said = refused.said
    wrong = [
        {
            "field": " ".join(filter(None, (f"line {row.line}" if row.line else row.code, row.column))),
            "problem": row.problem or "",
            "mend": row.mend or "",
        }
        for row in refused.answer.rows
        if row.problem and (row.status is Status.ERROR or row.problem_code == "price-sudden")
    ]
    found = problem(
        refused.status,
        said.reason,
        say(language, said.detail_id, said.gaps),
        say(language, said.mend_id, said.gaps),
        errors=wrong[:20],
    )
    return ProblemResponse(found.model_dump() | refused.answer.model_dump(mode="json"), refused.status)
