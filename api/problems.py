"""Every error answer is an RFC 9457 problem that names the thing and says what to do. One table gives the status."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException

from adapters.i18n import say, translations
from api.access import Unauthenticated
from api.context import language_of
from domain import errors
from domain.errors import N_, RacordError
from domain.validation import wrong_fields

log = structlog.get_logger()

STATUS: dict[type[RacordError], int] = {
    errors.NotFound: 404,
    errors.Forbidden: 403,
    Unauthenticated: 401,
    errors.Invalid: 422,
    errors.Conflict: 409,
    errors.TooEarly: 409,
    errors.TooLate: 409,
    errors.Gone: 410,
    errors.Stale: 412,
    errors.Unavailable: 503,
    RacordError: 500,
}
TITLES = {
    400: N_("Bad request"),
    401: N_("Not signed in"),
    403: N_("Not allowed"),
    404: N_("Not found"),
    405: N_("Method not allowed"),
    409: N_("Not possible now"),
    410: N_("No longer valid"),
    412: N_("Changed since you read it"),
    413: N_("Too large"),
    422: N_("Invalid input"),
    500: N_("Our mistake"),
    503: N_("Not available now"),
}


class Problem(BaseModel):
    """An RFC 9457 problem (`application/problem+json`)."""

    type: str = Field(description="stable: `urn:racord:problem:<code>`")
    title: str
    status: int
    detail: str = Field(description="names the thing")
    mend: str = Field(description="what to do about it")
    code: str = Field(description="stable, for programs")
    errors: list[dict[str, str]] = Field(
        default=[], description="one entry a wrong field: field, problem, mend"
    )


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": TITLES[status], "content": {"application/problem+json": {}}}
    for status in (401, 403, 404, 409, 422, 503)
}


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def problem(
    status: int,
    code: str,
    detail: str,
    mend: str,
    *,
    language: str = "en",
    gaps: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Problem:
    """A problem in the reader's language; ``detail`` and ``mend`` are message ids, ``gaps`` fill both.

    What fills a gap is said in that language too where it is a message of ours (“provider”, “on hold”).
    """
    filled = {name: _as_it_is(language, value) for name, value in (gaps or {}).items()}
    return Problem(
        type=f"urn:racord:problem:{code}",
        title=say(language, TITLES.get(status, N_("Error"))),
        status=status,
        detail=say(language, detail, filled),
        mend=say(language, mend, filled),
        code=code,
        errors=[
            {**error, **{part: _as_it_is(language, error[part]) for part in ("problem", "mend")}}
            for error in errors
        ],
    )


def _as_it_is(language: str, said: str) -> str:
    """In the reader's language where it is a message of ours; braces that somebody sent are no gaps."""
    return translations(language).gettext(said) if said else said


def status_of(refusal: RacordError) -> int:
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def problem_of(refusal: RacordError, language: str = "en") -> Problem:
    """The problem of a refusal, in the reader's language."""
    return problem(
        status_of(refusal),
        refusal.reason,
        refusal.detail_id,
        refusal.mend_id,
        language=language,
        gaps=refusal.gaps,
        errors=refusal.errors,
    )


def _answer(found: Problem, headers: dict[str, str] | None = None) -> ProblemResponse:
    return ProblemResponse(found.model_dump(), found.status, headers)


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem."""

    @app.exception_handler(RacordError)
    async def refused(request: Request, refusal: RacordError) -> ProblemResponse:
        found = problem_of(refusal, language_of(request))
        headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}.get(found.status)
        return _answer(found, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> ProblemResponse:
        fields = wrong_fields(error.errors(), leave_out="body")
        refusal = errors.Invalid(
            "The input is not right: {field}: {problem}",
            mend="Mend the fields listed in “errors” and send it again.",
            errors=fields,
            field=fields[0]["field"],
            problem=fields[0]["problem"],
        )
        return _answer(problem_of(refusal, language_of(request)))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> ProblemResponse:
        if error.status_code == 413:  # sent in pieces, so that only the counting showed it
            too_large = problem(
                413,
                "too-large",
                N_("The body is too large."),
                N_("Send less at once."),
                language=language_of(request),
            )
            return _answer(too_large)
        mends = {
            404: N_("Check the address; /docs lists all there are."),
            405: N_("Use a method that the address knows; /docs lists them."),
        }
        found = problem(
            error.status_code,
            f"http-{error.status_code}",
            "{method} {path}: {what}",
            mends.get(error.status_code, N_("See /docs.")),
            language=language_of(request),
            gaps={"method": request.method, "path": request.url.path[:200], "what": str(error.detail)},
        )
        return _answer(found, dict(error.headers or {}))

    @app.exception_handler(OperationalError)
    async def database_away(request: Request, error: OperationalError) -> ProblemResponse:
        log.error("database does not answer", error=str(error.orig))
        refusal = errors.Unavailable(
            "The database does not answer; nothing was changed.",
            mend="Try again in a moment.",
            code="database-unavailable",
        )
        return _answer(problem_of(refusal, language_of(request)), {"Retry-After": "5"})

    @app.exception_handler(DataError)
    async def not_storable(request: Request, error: DataError) -> ProblemResponse:
        refusal = errors.Invalid(
            "The input holds something that cannot be stored.", mend="Take out NUL characters and the like."
        )
        return _answer(problem_of(refusal, language_of(request)))

    @app.exception_handler(Exception)
    async def ours(request: Request, error: Exception) -> ProblemResponse:
        log.exception("unhandled error", method=request.method, path=request.url.path, exc_info=error)
        refusal = RacordError(
            "Something went wrong on our side.",
            mend="Try again; if it stays, tell support when it happened.",
            code="internal",
        )
        return _answer(problem_of(refusal, language_of(request)))
