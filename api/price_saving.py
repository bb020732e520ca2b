"""One way for every change of prices: weigh it, refuse or preview it, save it as one edit, answer (R8, R16)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_channels
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
from api.problems import ProblemResponse, problem, status_of
from api.routes.partners import Partner
from api.routes.providers import ProviderId, change_provider
from api.schemas.prices import PriceEditAnswer, PriceEditsAnswer, PriceRowView
from domain.errors import Conflict, Invalid, RacordError
from domain.price_import import Weighed
from domain.prices import Offer, Status

Weigh = Callable[[AsyncSession, list[Offer]], Awaitable[Weighed]]
Answers = dict[str, PriceEditAnswer]
DryRun = Annotated[bool, Query(description="shows what would change, and changes nothing")]
Confirm = Annotated[
    bool, Query(description="prices that change more than tenfold, or are far above the others, are meant")
]


@dataclass(frozen=True)
class Asking:
    """Who wants to change which provider's prices."""

    context: AppContext
    language: str
    principal: Principal
    once: OnceKey
    provider_id: str
    dry_run: bool


@dataclass(frozen=True)
class Editing(Asking):
    """The same, of one channel."""

    slug: str
    if_match: Expected

    @property
    def currency(self) -> str:
        return self.context.playbooks.get(self.slug).currency


@dataclass(frozen=True)
class How:
    """What is let pass, and what the answer shows besides: how a file was read, or the whole list."""

    skip_errors: bool = False
    confirm: bool = False
    sheet: PriceSheet | None = None
    whole_list: bool = False


async def asking(
    provider_id: ProviderId,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    once: Once,
    dry_run: DryRun = False,
) -> Asking:
    principal.must_reach(provider_id)
    return Asking(context, language, principal, once, provider_id, dry_run)


Ask = Annotated[Asking, Depends(asking)]


async def editing(asked: Ask, slug: Partner, if_match: IfMatch) -> Editing:
    asked.context.playbooks.get(slug)
    return Editing(**vars(asked), slug=slug, if_match=if_match)


Edit = Annotated[Editing, Depends(editing)]


class _RefusedError(Exception):
    """Ends the transaction; the refusal carries the whole preview, so that all rows can be mended at once."""

    def __init__(self, said: RacordError, answers: Answers) -> None:
        self.said, self.answers = said, answers


async def edited(asked: Editing, by: By, weigh: Weigh, how: How | None = None) -> Response:
    """Does what ``weigh`` finds, in one edit, or says what it would do.

    Errors refuse the whole (422) unless they are to be skipped; sudden changes ask for confirmation (409). A dry run
    refuses neither: it shows what would come of the other rows, once confirmed.
    """

    def headers(answer: PriceEditAnswer) -> dict[str, str]:
        return {"etag": etag(answer.version)}

    expected = {asked.slug: asked.if_match}
    return await _edited(asked, expected, by, weigh, how, lambda made: made[asked.slug], headers)


async def edited_together(
    asked: Asking, expected: Mapping[str, Expected], by: By, weigh: Weigh, how: How
) -> Response:
    """The same on several channels, given with the version that each must have: an edit for each, all or none."""

    def shape(made: Answers) -> PriceEditsAnswer:
        return PriceEditsAnswer(dry_run=asked.dry_run, edits=made)

    return await _edited(asked, expected, by, weigh, how, shape, None)


async def _edited(
    asked: Asking,
    expected: Mapping[str, Expected],
    by: By,
    weigh: Weigh,
    how: How | None,
    shape: Callable[[Answers], BaseModel],
    headers: Callable[[Any], dict[str, str]] | None,
) -> Response:
    async def work(session: AsyncSession) -> Answers:
        return await _work(session, asked, expected, by, weigh, how or How())

    if asked.dry_run:
        made, preview = await previewed(asked.context, asked.provider_id, asked.language, work)
        for slug, answer in made.items():
            answer.channels = [effect for effect in preview.channels if effect.partner == slug]
        shown = shape(made)
        return JSONResponse(shown.model_dump(mode="json"), headers=headers(shown) if headers else None)
    try:
        async with asked.context.database.transaction() as session:

            async def shaped() -> BaseModel:
                return shape(await work(session))

            return await asked.once.once(session, asked.principal, shaped, status=200, headers=headers)
    except _RefusedError as refused:
        return _refusal(refused, shape(refused.answers), asked.language)


async def _work(
    session: AsyncSession,
    asked: Asking,
    expected: Mapping[str, Expected],
    by: By,
    weigh: Weigh,
    how: How,
) -> Answers:
    """The provider is locked first, so that what is weighed is what is changed."""
    provider_id, found, versions = asked.provider_id, dict[str, Weighed](), dict[str, int]()
    await change_provider(session, asked.principal, provider_id)
    for slug, seen in expected.items():
        versions[slug] = await channel_version(session, provider_id, slug)
        seen.must_be(versions[slug])
        found[slug] = await weigh(session, await store.offers(session, provider_id, slug))

    def answer(slug: str, **more: Any) -> PriceEditAnswer:
        told = {"edit_id": None, "version": versions[slug], **more}
        return PriceEditAnswer.of(found[slug], asked.language, dry_run=asked.dry_run, sheet=how.sheet, **told)

    unfit = None if asked.dry_run else _unfit(found.values(), how)
    if unfit:
        raise _RefusedError(unfit, {slug: answer(slug) for slug in found})
    wanted = {slug: Wanted(weighed.prices, weighed.cleared) for slug, weighed in found.items()}
    made = await store.save(session, provider_id, wanted, by)
    answers: Answers = {}
    for slug in found:
        more: dict[str, Any] = {}
        if not asked.dry_run:
            version = await channel_version(session, provider_id, slug)
            more |= {"edit_id": made.get(slug), "version": version}
        if how.whole_list:
            more["whole_list"] = await catalogue_channels.prices(session, provider_id, slug)
        answers[slug] = answer(slug, **more)
    return answers


def _unfit(found: Iterable[Weighed], how: How) -> RacordError | None:
    verdicts = [one for weighed in found for one in weighed.verdicts]
    if (wrong := sum(one.status is Status.ERROR for one in verdicts)) and not how.skip_errors:
        return Invalid(
            "{count} rows are wrong; nothing was changed.",
            mend=(
                "Mend the rows listed in “rows” and send it again, or leave the wrong ones out with skip_errors=true."
            ),
            code="prices-with-errors",
            count=wrong,
        )
    if (sudden := sum(one.is_sudden for one in verdicts)) and not how.confirm:
        return Conflict(
            "{count} prices would change more than tenfold, or are far above the others; nothing was changed.",
            mend="Check them in “rows”. If they are meant, send it again with confirm=true.",
            code="confirmation-needed",
            count=sudden,
        )
    return None


def _refusal(refused: _RefusedError, shown: BaseModel, language: str) -> Response:
    """A problem whose ``errors`` name the first rows, and which carries the preview beside them (RFC 9457, 3.2)."""
    said = refused.said
    wrong = [
        {"field": _place(slug, row, refused.answers), "problem": row.problem, "mend": row.mend or ""}
        for slug, answer in refused.answers.items()
        for row in answer.rows
        if row.problem and (row.status is Status.ERROR or row.problem_code == "price-sudden")
    ]
    status = status_of(said)
    found = problem(
        status,
        said.reason,
        say(language, said.detail_id, said.gaps),
        say(language, said.mend_id, said.gaps),
        errors=wrong[:20],
    )
    return ProblemResponse(found.model_dump() | shown.model_dump(mode="json"), status)


def _place(slug: str, row: PriceRowView, answers: Answers) -> str:
    """Where in a file, else of which service; and on which channel, where there are several."""
    where = (f"line {row.line}" if row.line else row.code, row.column)
    return " ".join(part for part in (slug if len(answers) > 1 else None, *where) if part)
