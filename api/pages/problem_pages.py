"""Errors of pages are pages. Everything under ``/api``, and whoever does not ask for HTML, gets the problem as JSON."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from starlette.exceptions import HTTPException

from api.access import Policy, allow
from api.browser_safety import POLICY
from api.context import context_of
from api.pages.rendering import render
from domain.errors import RacordError

Handler = Callable[[Request, Any], Awaitable[Response]]


def wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def install(app: FastAPI) -> None:
    """Puts a page in front of every handler of errors that the API has."""
    for kind in (RacordError, RequestValidationError, HTTPException, OperationalError, Exception):
        told = cast(Handler, app.exception_handlers[kind])
        app.add_exception_handler(kind, _with_page(told))


def _with_page(told: Handler) -> Handler:
    async def handler(request: Request, error: Any) -> Response:
        answer = await told(request, error)
        if not wants_page(request):
            return answer
        if answer.status_code == 401:
            return RedirectResponse("/login", 303)
        await _recognise(request)
        problem = json.loads(bytes(answer.body))
        policy = POLICY.format(nonce=getattr(request.state, "nonce", ""))
        # An unforeseen error is answered outside of all middleware, which would have set these.
        safe = {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return render(request, "problem.html", status=answer.status_code, headers=safe, problem=problem)

    return handler


async def _recognise(request: Request) -> None:
    """Who reads, if anybody is signed in, so that the page keeps its navigation."""
    if getattr(request.state, "principal", None) is None:
        try:
            await allow(Policy.READ)(request, context_of(request))
        except (RacordError, SQLAlchemyError):
            request.state.principal = None
