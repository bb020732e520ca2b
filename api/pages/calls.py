"""Pages write by calling the API in-process: policy, validation and idempotency are decided there and nowhere else."""

import asyncio
from typing import Any, BinaryIO
from urllib.parse import urlencode

import httpx2
from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from adapters.identifiers import new_id
from api.problems import Problem, problem
from domain.model import Frozen

# A page's form says its own name for a field with an underscore in front; schemas have none of that kind.
ONCE_FIELD = "_once"
IN_FLIGHT = "idempotency-in-flight"
PATIENCE = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


class Answered(Frozen):
    """The API's answer: either ``body`` (of a success) or ``problem``."""

    status: int
    body: Any = None
    problem: Problem | None = None


async def call_api(request: Request, method: str, href: str, body: dict[str, Any], *, once: str) -> Answered:
    """Calls as the reader of the page, from the reader's address. The same ``once`` again acts once.

    A DELETE says its ``body`` in the query: what it holds are its parameters.
    """
    if method == "DELETE":
        mark = "&" if "?" in href else "?"
        answer = await _call(request, method, f"{href}{mark}{urlencode(body)}" if body else href, once=once)
        return answer if answer.problem is None else _at_fields(answer, answer.problem)
    return await _call(request, method, href, once=once, json=body)


def _at_fields(answer: Answered, refused: Problem) -> Answered:
    """A parameter that is wrong is wrong at its field of the form."""
    errors = [{**error, "field": error["field"].removeprefix("query.")} for error in refused.errors]
    return answer.model_copy(update={"problem": refused.model_copy(update={"errors": errors})})


async def upload(request: Request, href: str, file: UploadFile, *, once: str) -> Answered:
    """The same for a file."""
    sent: tuple[str, BinaryIO, str] = (file.filename or "", file.file, "application/octet-stream")
    return await _call(request, "POST", href, once=once, files={"file": sent})


async def _call(request: Request, method: str, href: str, *, once: str, **content: Any) -> Answered:
    passed_on = {
        name: request.headers[name]
        for name in ("cookie", "authorization", "accept-language", "host")
        if name in request.headers
    }
    client = (request.client.host, request.client.port) if request.client else ("127.0.0.1", 0)
    transport = httpx2.ASGITransport(app=request.app, raise_app_exceptions=False, client=client)
    async with httpx2.AsyncClient(transport=transport, base_url=str(request.base_url)) as api:
        headers = {
            **passed_on,
            "sec-fetch-site": "same-origin",
            "idempotency-key": once[:200] or new_id("page"),
        }
        for pause in (*PATIENCE, None):
            answered = _answered(await api.request(method, href, headers=headers, **content))
            # The second of two clicks waits for what comes of the first: it is what the reader gets to see.
            if pause is None or answered.problem is None or answered.problem.code != IN_FLIGHT:
                break
            await asyncio.sleep(pause)
    return answered


def _answered(answer: httpx2.Response) -> Answered:
    if answer.is_success:
        return Answered(status=answer.status_code, body=answer.json() if answer.content else None)
    return Answered(status=answer.status_code, problem=_problem(answer))


def _problem(answer: httpx2.Response) -> Problem:
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        return problem(500, "internal", "Something went wrong on our side.", "Try again in a moment.")
