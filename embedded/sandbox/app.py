"""The sandbox's addresses: a partner's system under `/{slug}`, orders to it, and pages for people."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from embedded.sandbox import pages
from embedded.sandbox.behaviour import Behaviour, Mode
from embedded.sandbox.holding import Delivery, Id, Price, Text
from embedded.sandbox.signature import UnverifiedError, verify
from embedded.sandbox.state import State

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_PATH = re.compile(r"/([^/]+)(?:/([a-z]*))?")


class Manner(Enum):
    """What the server does with the connection in place of a regular answer."""

    ANSWER = auto()
    CLOSE = auto()
    HANG = auto()
    NOISE = auto()


@dataclass(frozen=True)
class Request:
    """``headers`` have names in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_form(self) -> bool:
        return self.headers.get("content-type", "").startswith(FORM)


@dataclass(frozen=True)
class Reply:
    """``pause`` is in seconds, before the answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.ANSWER
    pause: float = 0


class RefusedError(Exception):
    """A request that is answered with ``status`` and why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Forget(_Order):
    connection: Id | None = None


class Tamper(_Order):
    service: Text
    connection: Id | None = None
    duration_minutes: int = Field(default=0, ge=1, le=24 * 60)
    price: Price | None = None


class TypedPrices(_Order):
    connection: Id
    prices: dict[Text, Price | None]


class App:
    """Answers requests; knows nothing of sockets. ``keys`` are each partner's, by slug."""

    def __init__(self, state: State, keys: Mapping[str, tuple[bytes, ...]]) -> None:
        self.state = state
        self.keys = keys

    def answer(self, request: Request) -> Reply:
        try:
            _ask_for_ourselves(request)
            return self._answer(request)
        except (UnverifiedError, RefusedError) as refused:
            return _json({"detail": str(refused)}, refused.status)
        except ValidationError as wrong:
            found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong.errors()[:5])
            return _json({"detail": found}, 422)

    def _answer(self, request: Request) -> Reply:
        if request.path == "/" and request.method == "GET":
            return _page(pages.partners(self.state, tuple(self.keys)))
        if request.path == pages.STYLE_PATH and request.method == "GET":
            return Reply(200, pages.STYLE, {"Content-Type": "text/css; charset=utf-8"})
        found = _PATH.fullmatch(request.path)
        if found is None or found[1] not in self.keys:
            raise RefusedError(404, f"there is no such partner here; there are: {', '.join(self.keys)}")
        slug, rest = found[1], found[2]
        if rest is None:
            return self._as_partner(slug, request)
        if request.method == "GET":
            return self._shown(slug, rest, request)
        return self._ordered(slug, rest, request)

    def _as_partner(self, slug: str, request: Request) -> Reply:
        """What a partner's system does, as docs/partner-protocol.md says."""
        if request.method == "POST":
            return self._receive(slug, request)
        if "connection" not in request.query:
            return Reply(307, headers={"Location": f"/{slug}/"})
        verify(self.keys[slug], request.headers, request.body, time.time())
        behaviour = self.state.behaviour(slug)
        if behaviour.mode is Mode.MUTE:
            return _json({"detail": "The sandbox was told not to say what it holds."}, behaviour.status)
        return _behaving(behaviour, slug, lambda: self._held(slug, request.query["connection"]))

    def _receive(self, slug: str, request: Request) -> Reply:
        webhook_id = verify(self.keys[slug], request.headers, request.body, time.time())
        delivery = Delivery.model_validate_json(request.body)
        received = self.state.receive(slug, webhook_id, delivery)
        return _behaving(received.behaviour, slug, lambda: _json(received.answer or {}))

    def _held(self, slug: str, connection: str) -> Reply:
        holding = self.state.holding(slug, connection)
        if holding is None:
            raise RefusedError(404, "this connection is not known here")
        return _json(holding.told(connection) | self._typed(slug, connection))

    def _typed(self, slug: str, connection: str) -> dict[str, Any]:
        typed = self.state.typed_prices(slug, connection)
        return {"typed_prices": {code: price.model_dump() for code, price in typed.items()}}

    def _shown(self, slug: str, what: str, request: Request) -> Reply:
        state = self.state
        if what == "":
            return _page(pages.partner(state, slug))
        if what == "behave":
            return _json(state.behaviour(slug).model_dump(mode="json"))
        if what == "deliveries":
            return _json({"items": state.deliveries(slug, request.query.get("connection"))})
        if what == "held":
            held = state.holdings(slug)
            return _json(
                {"items": [holding.told(of) | self._typed(slug, of) for of, holding in held.items()]}
            )
        raise RefusedError(404, "there is nothing here")

    def _ordered(self, slug: str, order: str, request: Request) -> Reply:
        given = _given(request)
        match order:
            case "behave":
                self.state.behave(slug, Behaviour.model_validate(given))
            case "forget":
                self.state.forget(slug, Forget.model_validate(given).connection)
            case "tamper":
                self._tamper(slug, Tamper.model_validate(given))
            case "prices":
                typed = TypedPrices.model_validate(given)
                self.state.type_prices(slug, typed.connection, typed.prices)
            case _:
                raise RefusedError(404, "there is no such order")
        return Reply(303, headers={"Location": f"/{slug}/"}) if request.is_form else Reply(204)

    def _tamper(self, slug: str, order: Tamper) -> None:
        change: dict[str, Any] = {
            name: getattr(order, name)
            for name in ("duration_minutes", "price")
            if name in order.model_fields_set
        }
        if not self.state.tamper(slug, order.service, change, order.connection):
            raise RefusedError(404, f"no service {order.service} is held")


def _behaving(behaviour: Behaviour, slug: str, well: Callable[[], Reply]) -> Reply:
    """``well`` is the answer of a partner that behaves."""
    match behaviour.mode:
        case Mode.FAIL:
            wish = {} if behaviour.seconds is None else {"Retry-After": f"{behaviour.seconds:.0f}"}
            return _json({"detail": "The sandbox was told to fail."}, behaviour.status, wish)
        case Mode.GONE:
            return _json({"detail": "The sandbox was told to want nothing more."}, 410)
        case Mode.REDIRECT:
            return Reply(307, headers={"Location": f"/{slug}/elsewhere"})
        case Mode.DOWN:
            return Reply(manner=Manner.CLOSE)
        case Mode.HANG:
            return Reply(manner=Manner.HANG, pause=behaviour.pause)
        case Mode.GARBAGE:
            return Reply(manner=Manner.NOISE)
    answer = well()
    return Reply(answer.status, answer.body, answer.headers, pause=behaviour.pause)


def _ask_for_ourselves(request: Request) -> None:
    """Refuse what another web page makes a browser send, and names that lead here by DNS."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if host.rpartition(":")[0] not in ("127.0.0.1", "localhost"):
        raise RefusedError(421, "this sandbox answers to 127.0.0.1 and localhost only")
    if origin not in (None, f"http://{host}"):
        raise RefusedError(403, "this request comes from another web page")


def _given(request: Request) -> dict[str, Any]:
    """An order's fields; those of a form that were left empty are not given."""
    if request.is_form:
        return _nested([(name, value) for name, value in parse_qsl(request.body.decode(errors="replace"))])
    try:
        given = json.loads(request.body or b"{}")
    except ValueError:
        raise RefusedError(400, "the body is no JSON") from None
    if not isinstance(given, dict):
        raise RefusedError(422, "the body is no JSON object")
    return given


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The price form has ``code``, ``amount`` and ``currency``; an empty amount takes the price away."""
    given: dict[str, Any] = dict(pairs)
    if code := given.pop("code", None):
        currency, amount = given.pop("currency", ""), given.pop("amount", None)
        given["prices"] = {code: amount and {"amount": amount, "currency": currency}}
    return given


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Reply(status, body, {"Content-Type": JSON, **(headers or {})})


def _page(html: str) -> Reply:
    policy = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    return Reply(
        200, html.encode(), {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    )
