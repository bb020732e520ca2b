"""Refuses bodies that are too large, as early as it can be known, with a problem like every other error."""

import re

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemResponse, problem
from domain.errors import N_


class BodyLimit:
    """ASGI middleware: what says that it is too large is refused unread, what is sent in pieces once it is.

    In both cases the connection ends, for the server would go on reading what nobody wants. Paths of ``uploads`` have
    a limit of their own.
    """

    def __init__(self, app: ASGIApp, limit: int, uploads: re.Pattern[str], upload_limit: int) -> None:
        self._limited = {most: RequestBodyLimitMiddleware(app, most) for most in (limit, upload_limit)}
        self._limit, self._uploads, self._upload_limit = limit, uploads, upload_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hanging_up(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 413:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        is_upload = scope["type"] == "http" and self._uploads.fullmatch(scope["path"]) is not None
        limit = self._upload_limit if is_upload else self._limit
        if scope["type"] == "http" and _declared(scope) > limit:
            await _refusal(limit)(scope, receive, hanging_up)
        else:
            await self._limited[limit](scope, receive, hanging_up)


def _refusal(limit: int) -> ProblemResponse:
    answer = problem(
        413,
        "too-large",
        N_("The body is larger than {megabytes} MiB."),
        N_("Send less at once."),
        gaps={"megabytes": str(limit // 1024**2)},
    )
    return ProblemResponse(answer.model_dump(), 413)


def _declared(scope: Scope) -> int:
    """The Content-Length; 0 where there is none. The server refuses one that is no number."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0
