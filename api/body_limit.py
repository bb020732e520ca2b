"""Refuses bodies that are too large, as early as it can be known, with a problem like every other error."""

from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemResponse, problem
from domain.errors import N_


class BodyLimit:
    """ASGI middleware: Starlette's limit, its plain-text answer turned into a problem."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._limited = RequestBodyLimitMiddleware(app, max_body_size=limit)
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def as_problem(message: Message) -> None:
            nonlocal refused
            plain = (b"content-type", b"text/plain; charset=utf-8") in message.get("headers", ())
            if message["type"] == "http.response.start" and message["status"] == 413 and plain:
                refused = True
                megabytes = self._limit // 1024**2
                answer = problem(
                    413,
                    "too-large",
                    N_("The body is larger than {megabytes} MiB."),
                    N_("Send less at once."),
                    gaps={"megabytes": str(megabytes)},
                )
                await ProblemResponse(answer.model_dump(), 413)(scope, receive, send)
            elif not refused:
                await send(message)

        await self._limited(scope, receive, as_problem)
