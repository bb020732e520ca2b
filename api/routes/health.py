"""Whether the API lives, is ready, and its figures."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.access import Policy, open_to_all
from api.context import Context
from domain.errors import RacordError

router = APIRouter(tags=["health"])
Anyone = Annotated[None, Depends(open_to_all(Policy.PUBLIC))]


@router.get("/healthz")
async def healthz(_: Anyone) -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(_: Anyone, context: Context, response: Response) -> dict[str, Any]:
    """Postgres and Temporal answer; 503 names the one that does not."""
    parts = {"postgres": await _postgres(context), "temporal": await _temporal(context)}
    if not all(parts.values()):
        response.status_code = 503
    return {"status": "ready" if all(parts.values()) else "not ready", **parts}


async def _postgres(context: Context) -> bool:
    try:
        async with context.database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


async def _temporal(context: Context) -> bool:
    try:
        await context.temporal.must_answer()
    except RacordError:
        return False
    return True


@router.get("/metrics")
async def metrics(_: Anyone) -> Response:
    """Prometheus figures of the API."""
    return PlainTextResponse(generate_latest(), media_type=CONTENT_TYPE_LATEST)
