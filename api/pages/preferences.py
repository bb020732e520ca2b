"""The reader's language, kept in a cookie."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from api.access import Policy, open_to_all
from api.context import LANGUAGE_COOKIE, Context
from domain.model import LANGUAGES

router = APIRouter(include_in_schema=False)
YEAR = 365 * 24 * 3600


@router.post("/language")
async def choose(
    request: Request,
    context: Context,
    _: Annotated[None, Depends(open_to_all(Policy.PUBLIC))],
    language: Annotated[str, Form(max_length=10)] = "en",
    back: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Keeps the choice and goes back to where it was made."""
    answer = RedirectResponse(_own(back), 303)
    if language in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=YEAR,
            path="/",
            samesite="lax",
            secure=context.settings.served_securely,
        )
    return answer


def _own(back: str) -> str:
    """An address on this site, whatever was sent."""
    parts = urlsplit(back)
    is_own = (
        back.startswith("/") and not back.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    )
    return back if is_own and not any(ord(character) < 33 for character in back) else "/"
