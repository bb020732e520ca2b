"""POST once: the same Idempotency-Key gives the same answer, whatever the network does.

The answer is kept in the very transaction that does the work, so a crash leaves both or neither.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.tables import IdempotencyRow
from api.access import Principal
from domain.errors import Conflict, Invalid

Work = Callable[[], Awaitable[BaseModel]]


class OnceKey(BaseModel):
    """What the caller sent: the key, if any, and the digest of the whole request."""

    key: str | None
    digest: str

    async def once(
        self,
        session: AsyncSession,
        principal: Principal,
        work: Work,
        *,
        status: int = 201,
        headers: Callable[[Any], dict[str, str]] | None = None,
    ) -> Response:
        """Does the work and keeps its answer, or gives the answer kept. 409 while in flight, 422 for another request."""
        if self.key is None:
            return _response(await work(), status, headers)
        if not await session.scalar(select(func.pg_try_advisory_xact_lock(_lock_id(principal.id, self.key)))):
            raise Conflict(
                "A request with this Idempotency-Key is still being worked on.",
                mend="Wait a moment and send it again with the same key.",
                code="idempotency-in-flight",
            )
        kept = await session.get(IdempotencyRow, (principal.id, self.key))
        if kept is not None:
            must_match(kept.request_digest, self.digest)
            return JSONResponse(
                kept.response, kept.status or status, {**(kept.headers or {}), "Idempotent-Replay": "true"}
            )
        response = _response(await work(), status, headers)
        await session.execute(
            insert(IdempotencyRow).values(
                principal=principal.id,
                key=self.key,
                request_digest=self.digest,
                status=response.status_code,
                response=json.loads(bytes(response.body)),
                headers={
                    name: value for name, value in response.headers.items() if name in ("location", "etag")
                },
            )
        )
        return response


def must_match(kept: str, sent: str) -> None:
    """Raises where a key is used again for something else."""
    if kept != sent:
        raise Invalid(
            "This Idempotency-Key was already used for another request.",
            mend="Use a new key for a new request.",
            code="idempotency-mismatch",
        )


IdempotencyKey = Annotated[
    str | None,
    Header(max_length=200, min_length=1, description="the same key again gives the same answer"),
]


async def once_key(request: Request, idempotency_key: IdempotencyKey = None) -> OnceKey:
    return once_of(request, idempotency_key, await request.body())


def once_of(request: Request, key: str | None, content: bytes) -> OnceKey:
    """The key of a request that says ``content``, however that is wrapped up."""
    parts = (request.method.encode(), request.url.path.encode(), request.url.query.encode(), content)
    return OnceKey(key=key, digest=hashlib.sha256(b"\0".join(parts)).hexdigest())


Once = Annotated[OnceKey, Depends(once_key)]


def _response(
    answer: BaseModel, status: int, headers: Callable[[Any], dict[str, str]] | None
) -> JSONResponse:
    return JSONResponse(
        answer.model_dump(mode="json", by_alias=True), status, headers(answer) if headers else None
    )


def _lock_id(principal: str, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{principal}\0{key}".encode()).digest()[:8], signed=True)
