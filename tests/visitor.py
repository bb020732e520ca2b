"""A browser without JavaScript, for tests of the pages: reads HTML, keeps cookies, fills in and sends forms."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx2

from adapters.database.access import create_login_link, hashed
from adapters.database.tables import SessionRow
from api.access import session_cookie
from api.pages.fields import Form, form_fields
from api.pages.forms import body_from_form
from api.pages.reader import Reader
from api.pages.rendering import environment
from tests.stack import Stack

HTML = {"accept": "text/html,application/xhtml+xml"}


class Controls(HTMLParser):
    """What a browser would send of a form: the successful controls, in order. ``form_id`` picks one of several forms."""

    def __init__(self, form_id: str | None = None) -> None:
        super().__init__()
        self._form_id = form_id
        self._is_inside = form_id is None
        self.action = ""
        self.items: list[tuple[str, str]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._select = ""
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        if tag == "form" and self._form_id is not None:
            self._is_inside = got.get("id") == self._form_id
            self.action = got.get("action", "") if self._is_inside else self.action
        if not self._is_inside:
            return
        self.tags.append((tag, got))
        if tag == "input" and got.get("type") == "file":
            return  # nothing is chosen
        if tag == "input" and (got.get("type") not in ("checkbox", "radio") or "checked" in got):
            self.items.append((got["name"], got.get("value", "")))
        elif tag == "select":
            self._select = got["name"]
            self.items.append((self._select, ""))
        elif tag == "option" and "selected" in got:
            self.items[-1] = (self._select, got["value"])
        elif tag == "textarea":
            self._area = got["name"]
            self.items.append((self._area, ""))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            name, before = self.items[-1]
            self.items[-1] = (name, before + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form_id is not None:
            self._is_inside = False
        if tag == "textarea" and self._area is not None:
            name, text = self.items[-1]
            self.items[-1] = (name, text.removeprefix("\n").replace("\n", "\r\n"))
            self._area = None


def rendered(form: Form) -> Controls:
    """The controls of a form as its macros render it."""
    page = environment("en").from_string(
        "{% from 'forms.html' import fields with context %}{{ fields(form) }}"
    )
    controls = Controls()
    controls.feed(page.render(form=form, reader=Reader("en", "UTC")))
    return controls


def sent(schema: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The body that arrives when a form showing ``body`` is sent as it is."""
    return body_from_form(schema, rendered(form_fields(schema, "en", values=body)).items)


class Visitor:
    """A browser without JavaScript: keeps cookies, follows redirects, sends forms as they stand on the page."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def see(self, path: str, expect: int = 200, **more: Any) -> str:
        answer = await self.http.get(path, **more)
        assert answer.status_code == expect, f"{path}: {answer.status_code} {answer.text[:2000]}"
        assert answer.headers["content-type"].startswith("text/html")
        return answer.text

    async def send(
        self, page: str, form_id: str, files: Mapping[str, Any] | None = None, /, **typed: str | list[str]
    ) -> httpx2.Response:
        """Sends a form of ``page`` with some of its fields filled in otherwise, and ``files`` chosen."""
        items, action = filled(page, form_id, typed)
        return await self.http.post(action, data=items, files=files)


def filled(page: str, form_id: str, typed: dict[str, str | list[str]]) -> tuple[dict[str, Any], str]:
    form = Controls(form_id)
    form.feed(page)
    assert form.items, f"there is no form {form_id!r} on the page"
    values: dict[str, Any] = {}
    for name, value in form.items:
        values.setdefault(name, []).append(value)
    return {**values, **typed}, form.action.partition("#")[0]


@asynccontextmanager
async def visiting(stack: Stack, **headers: str) -> AsyncIterator[Visitor]:
    transport = httpx2.ASGITransport(stack.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport,
        base_url=stack.settings.public_url,
        headers={**HTML, **headers},
        follow_redirects=True,
    ) as http:
        yield Visitor(http)


async def login_token(stack: Stack, role: str = "manager") -> str:
    async with stack.database.transaction() as session:
        return await create_login_link(session, "Ana Pop", role, 60)


async def sign_in(
    stack: Stack, visitor: Visitor, role: str = "manager", provider_id: str | None = None
) -> None:
    """By a session of that role, limited to one provider where one is named."""
    token = secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    row = SessionRow(
        token_hash=hashed(token),
        id=f"ses_{token[:8]}",
        name="Ana Pop",
        role=role,
        provider_id=provider_id,
        expires_at=expires_at,
    )
    async with stack.database.transaction() as session:
        session.add(row)
    visitor.http.cookies.set(session_cookie(False), token)
