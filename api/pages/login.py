"""Signing in by a one-time link, and out again. Opening the link changes nothing; pressing the button uses it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from adapters.database.access import SESSION_LASTS, revoke_session, use_login_link
from api.access import Policy, open_to_all, session_cookie
from api.context import Context
from api.pages.rendering import render

router = APIRouter(include_in_schema=False)
Anyone = Annotated[None, Depends(open_to_all(Policy.PUBLIC))]


@router.get("/login")
async def login(request: Request, _: Anyone) -> Response:
    """How one signs in."""
    return render(request, "login.html", state="how")


@router.get("/login/{token}")
async def ask(token: str, request: Request, _: Anyone) -> Response:
    """One button. Whether the link is still good shows only when it is pressed: programs that open links learn nothing."""
    return render(request, "login.html", state="ready")


@router.post("/login/{token}")
async def sign_in(token: str, request: Request, context: Context, _: Anyone) -> Response:
    """Uses the link, once. Used, expired and unknown links look the same."""
    async with context.database.transaction() as session:
        opened = await use_login_link(session, token)
    if opened is None:
        return render(request, "login.html", status=410, state="dead")
    secure = context.settings.served_securely
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        session_cookie(secure),
        opened,
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/logout")
async def sign_out(request: Request, context: Context, _: Anyone) -> Response:
    """Ends the session here and on the server."""
    secure = context.settings.served_securely
    name = session_cookie(secure)
    if token := request.cookies.get(name):
        async with context.database.transaction() as session:
            await revoke_session(session, token)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")
    return answer
