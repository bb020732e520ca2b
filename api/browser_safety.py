"""What protects people's browsers: no cross-site writes, a strict content policy, no referrer, no sniffing."""

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemResponse, problem
from domain.errors import N_

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# The API's own reference pages bring scripts and styles of their own, from this server.
REFERENCE_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"
)


class BrowserSafety:
    """ASGI middleware. ``scope['state']['nonce']`` is the page's nonce for its one script."""

    def __init__(self, app: ASGIApp, own_origin: str) -> None:
        self.app = app
        parts = urlsplit(own_origin)
        self.own_origin = f"{parts.scheme}://{parts.netloc}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        policy = REFERENCE_POLICY if scope["path"] in ("/docs", "/redoc") else POLICY.format(nonce=nonce)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", policy)
                headers.setdefault("Referrer-Policy", "no-referrer")
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if scope["method"] not in SAFE_METHODS and self._is_cross_site(Headers(scope=scope)):
            refusal = problem(
                403,
                "cross-site",
                N_("This request came from another site."),
                N_("Open Racord itself and do it there."),
            )
            await ProblemResponse(refusal.model_dump(), 403)(scope, receive, guarded)
            return
        await self.app(scope, receive, guarded)

    def _is_cross_site(self, headers: Headers) -> bool:
        fetched = headers.get("sec-fetch-site")
        if fetched is not None:
            return fetched not in ("same-origin", "none")
        origin = headers.get("origin")
        own = (self.own_origin, f"http://{headers.get('host')}", f"https://{headers.get('host')}")
        return origin is not None and origin not in own
