"""Evidence of an onboarding: uploaded as a file, listed, downloaded as it was kept."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response

from adapters.database import evidence as store
from adapters.evidence_files import Kept
from adapters.evidence_names import safe_name
from api.access import Reader, not_found
from api.context import AppContext, Context
from api.evidence import evidence_href
from api.idempotency import IdempotencyKey, once_of
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.routes.onboardings import OnboardingId, StepActor, find
from api.schemas.catalogue import ID
from api.schemas.evidence import EvidencePage, EvidenceView
from api.sent_file import file_form, sent_file

router = APIRouter(tags=["onboardings"])

EvidenceId = Annotated[str, Path(pattern=ID, examples=["evd_3k9d0m2x7q4w8z1v5b6n"])]
HERE = "/onboardings/{onboarding_id}/evidence"
# The form is read by hand, once it is known who sends it.
_FORM = file_form("PDF, e-mail (.eml), PNG or JPEG; at most 20 MB")


@router.post(HERE, status_code=201, response_model=EvidenceView, openapi_extra=_FORM)
async def add(
    onboarding_id: OnboardingId,
    request: Request,
    context: Context,
    principal: StepActor,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Keeps a file as evidence (multipart `file`: PDF, e-mail, PNG or JPEG); name its id as `evidence.file` then."""
    await find(context, principal, onboarding_id)
    kept, name = await _received(request, context)
    # A repetition is the same request though its form has another boundary.
    once = once_of(request, idempotency_key, f"{name}\0{kept.sha256}".encode())

    async def work() -> EvidenceView:
        now = datetime.now(UTC)
        row = await store.add(session, onboarding_id, kept, name, principal.actor, now)
        return EvidenceView.model_validate(row, from_attributes=True)

    async with context.database.transaction() as session:
        return await once.once(
            session,
            principal,
            work,
            headers=lambda made: {"location": f"{evidence_href(onboarding_id)}/{made.id}"},
        )


@router.get(HERE)
async def listing(
    onboarding_id: OnboardingId, context: Context, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> EvidencePage:
    """Newest first."""
    await find(context, principal, onboarding_id)
    before = read_cursor(cursor, datetime, str)
    async with context.database.transaction() as session:
        rows = await store.listed(
            session, onboarding_id, limit=limit + 1, before=before and (before[0], before[1])
        )
    shown = rows[:limit]
    following = cursor_of(shown[-1].uploaded_at, shown[-1].id) if len(rows) > limit else None
    items = [EvidenceView.model_validate(row, from_attributes=True) for row in shown]
    return EvidencePage(items=items, next_cursor=following)


@router.get(f"{HERE}/{{evidence_id}}", response_class=Response, responses={200: {"content": {"*/*": {}}}})
async def download(
    onboarding_id: OnboardingId, evidence_id: EvidenceId, context: Context, principal: Reader
) -> Response:
    """The file, to be saved and not to be shown: checked against its hash before the first byte leaves."""
    await find(context, principal, onboarding_id)
    async with context.database.transaction() as session:
        row = await store.one(session, onboarding_id, evidence_id)
    if row is None:
        raise not_found("evidence", evidence_id)
    content = await asyncio.to_thread(context.evidence.read, row.sha256)
    return Response(
        content,
        headers={
            "Content-Type": row.media_type,
            "Content-Disposition": disposition(row.name),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def disposition(name: str) -> str:
    """An attachment of that name (RFC 6266): in UTF-8, and before that in plain letters for programs of old."""
    plain = "".join(sign if sign.isalnum() or sign in "-_. " else "_" for sign in name)
    return (
        f'attachment; filename="{plain.encode("ascii", "replace").decode().replace("?", "_")}"; '
        f"filename*=UTF-8''{quote(name, safe='')}"
    )


async def _received(request: Request, context: AppContext) -> tuple[Kept, str]:
    """The form's one file, safely on the disk, and its name."""
    async with sent_file(request) as file:
        kept = await asyncio.to_thread(context.evidence.keep, file.file)
        return kept, safe_name(file.filename or "", kept.media_type)
