"""Every error answer is an RFC 9457 problem that names the thing and says what to do. One table gives the status."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from adapters.i18n import translations
from api.access import Unauthenticated
from api.context import language_of
from domain import errors
from domain.errors import RacordError

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
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible now",
    410: "No longer valid",
    412: "Changed since you read it",
    413: "Too large",
    422: "Invalid input",
    500: "Our mistake",
    503: "Not available now",
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


def problem(status: int, code: str, detail: str, mend: str, **more: Any) -> Problem:
    return Problem(
        type=f"urn:racord:problem:{code}",
        title=TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        mend=mend,
        code=code,
        **more,
    )


def status_of(refusal: RacordError) -> int:
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def problem_of(refusal: RacordError, language: str = "en") -> Problem:
    """The problem of a refusal, in the reader's language."""
    words = translations(language)
    return problem(
        status_of(refusal),
        refusal.reason,
        words.gettext(refusal.detail_id).format_map(refusal.gaps),
        words.gettext(refusal.mend_id).format_map(refusal.gaps),
        errors=list(refusal.errors),
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
        fields = [
            {
                "field": ".".join(str(part) for part in found["loc"] if part != "body") or "(body)",
                "problem": str(found["msg"]).removeprefix("Value error, "),
                "mend": "Send valid JSON."
                if found["type"] == "json_invalid"
                else "Correct it; the OpenAPI page shows the schema.",
            }
            for found in error.errors()
        ]
        detail = f"The input is not right: {fields[0]['field']}: {fields[0]['problem']}."
        return _answer(
            problem(
                422, "invalid", detail, "Mend the fields listed in “errors” and send it again.", errors=fields
            )
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> ProblemResponse:
        mends = {
            404: "Check the address; /docs lists all there are.",
            405: "Use a method that the address knows; /docs lists them.",
            413: "Send less at once.",
        }
        detail = f"{request.method} {request.url.path[:200]}: {error.detail}"
        found = problem(
            error.status_code, f"http-{error.status_code}", detail, mends.get(error.status_code, "See /docs.")
        )
        return _answer(found, dict(error.headers or {}))

    @app.exception_handler(OperationalError)
    async def database_away(request: Request, error: OperationalError) -> ProblemResponse:
        log.error("database does not answer", error=str(error.orig))
        found = problem(
            503,
            "database-unavailable",
            "The database does not answer; nothing was changed.",
            "Try again in a moment.",
        )
        return _answer(found, {"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def ours(request: Request, error: Exception) -> ProblemResponse:
        log.exception("unhandled error", method=request.method, path=request.url.path, exc_info=error)
        return _answer(
            problem(
                500,
                "internal",
                "Something went wrong on our side.",
                "Try again; if it stays, tell support when it happened.",
            )
        )
