"""The public shape of evidence files."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


class EvidenceView(BaseModel):
    """A file that proves something in an onboarding; its `id` is what a body names as `evidence.file`."""

    id: str
    name: str = Field(description="as it was called, made safe; its ending is that of its content")
    media_type: Literal["application/pdf", "message/rfc822", "image/png", "image/jpeg"]
    size: int = Field(description="bytes")
    sha256: str = Field(description="of its content, in hexadecimal")
    uploaded_at: datetime
    uploaded_by: dict[str, Any]


class EvidencePage(BaseModel):
    items: list[EvidenceView]
    next_cursor: str | None
