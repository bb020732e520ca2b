"""Refuses bodies that are too large, as early as it can be known, with a problem like every other error."""

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemResponse, problem
from domain.errors import N_


class BodyLimit:
    """ASGI middleware: what says that it is too large is refused unread, what is sent in pieces once it is.

    In both cases the connection ends, for the server would go on reading what nobody wants.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._limited = RequestBodyLimitMiddleware(app, max_body_size=limit)
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hanging_up(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 413:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        if scope["type"] == "http" and _declared(scope) > self._limit:
            await self._refusal()(scope, receive, hanging_up)
        else:
            await self._limited(scope, receive, hanging_up)

    def _refusal(self) -> ProblemResponse:
        answer = problem(
            413,
            "too-large",
            N_("The body is larger than {megabytes} MiB."),
            N_("Send less at once."),
            gaps={"megabytes": str(self._limit // 1024**2)},
        )
        return ProblemResponse(answer.model_dump(), 413)


def _declared(scope: Scope) -> int:
    """The Content-Length; 0 where there is none. The server refuses one that is no number."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0
