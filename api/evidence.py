"""What the API says and asks of evidence: the address to upload it to, whose word counts, and that it needs a file.

The rules are kept here and not in the engine: histories of before they were made must replay.
"""

from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import evidence
from domain.errors import N_, Invalid
from domain.model import Party
from domain.steps.base import OnBehalfOf

FORMAT = "evidence"
UPLOAD = "x-upload"
FIELD = "evidence.file"
_MISSING = N_("what is recorded on somebody's behalf needs a file that shows it")


def evidence_href(onboarding_id: str) -> str:
    return f"/api/v1/onboardings/{onboarding_id}/evidence"


def body_schema(body: type[BaseModel], onboarding_id: str) -> dict[str, Any]:
    """The JSON Schema of a body; a field that wants evidence names in `x-upload` where its file is sent first."""
    schema = body.model_json_schema()
    _say_where(schema, evidence_href(onboarding_id))
    return schema


def _say_where(part: Any, href: str) -> None:
    if isinstance(part, dict):
        if part.get("format") == FORMAT:
            part[UPLOAD] = href
        for inside in part.values():
            _say_where(inside, href)


async def must_be_proved(session: AsyncSession, onboarding_id: str, body: dict[str, Any]) -> None:
    """Raises Invalid where a body records somebody's word without a file, or names a file of elsewhere.

    What is wrong with the body otherwise is said by whoever carries it out.
    """
    said, href = body.get("evidence"), evidence_href(onboarding_id)
    file = said.get("file") if isinstance(said, dict) else None
    if file is None and behalf(body) is not None:
        raise Invalid(
            "What is recorded on somebody's behalf needs a file that shows it: “evidence.file” is missing.",
            mend="Upload a PDF, an e-mail or a picture with POST {href}, and send its id as “evidence.file”.",
            code="evidence-needed",
            errors=[_at_field(_MISSING, N_("Add a PDF, an e-mail or a picture."))],
            href=href,
        )
    if isinstance(file, str) and await evidence.one(session, onboarding_id, file) is None:
        raise Invalid(
            "This onboarding has no evidence “{file}”.",
            mend="Upload the file with POST {href}, and send the id of the answer as “evidence.file”.",
            code="evidence-unknown",
            errors=[_at_field(N_("this onboarding has no such file"), N_("Upload it anew."))],
            file=file[:64],
            href=href,
        )


def _at_field(problem: str, mend: str) -> dict[str, str]:
    return {"field": FIELD, "problem": problem, "mend": mend}


def behalf(body: dict[str, Any]) -> OnBehalfOf | None:
    """The person whose word a body records; None where it records nobody's, or says wrongly whose."""
    try:
        return OnBehalfOf.model_validate(body.get("on_behalf_of"))
    except ValidationError:
        return None


def must_be_the_partners(other: OnBehalfOf) -> None:
    """Raises Invalid where another side's word is recorded in place of the partner's."""
    if other.party != Party.PARTNER:
        raise Invalid(
            "Only the partner can confirm or refuse this.",
            mend="Say “partner” as “party” in “on_behalf_of”.",
        )
