"""What people see: the partners, and for each what its call centre would see."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from embedded.sandbox.behaviour import MEANINGS, Mode
from embedded.sandbox.holding import Holding, Price, Service
from embedded.sandbox.state import State

_FOLDER = Path(__file__).with_name("templates")
STYLE_PATH = "/style.css"
STYLE = (_FOLDER / "style.css").read_bytes()
SERVICES_SHOWN = 200
DELIVERIES_SHOWN = 30


def partners(state: State, slugs: tuple[str, ...]) -> str:
    """Every partner with what it holds and how it behaves."""
    return _template("partners.html").render(partners=[_summary(state, slug) for slug in slugs])


def partner(state: State, slug: str) -> str:
    """One partner's call centre, its orders and its log."""
    connections = [_connection(state, slug, of, held) for of, held in state.holdings(slug).items()]
    return _template("partner.html").render(
        slug=slug,
        behaviour=state.behaviour(slug),
        modes=[(mode.value, meaning) for mode, meaning in MEANINGS.items()],
        plain=[mode.value for mode in (Mode.OK, Mode.SLOW, Mode.DOWN, Mode.FAIL, Mode.HANG)],
        connections=connections,
        deliveries=state.deliveries(slug, last=DELIVERIES_SHOWN)[::-1],
    )


def _summary(state: State, slug: str) -> dict[str, Any]:
    held = state.holdings(slug).values()
    return {
        "slug": slug,
        "behaviour": state.behaviour(slug),
        "providers": sum(not one.ended for one in held),
        "services": sum(len(one.services) for one in held),
        "heard_at": max((one.heard_at for one in held), default=None),
    }


def _connection(state: State, slug: str, connection: str, held: Holding) -> dict[str, Any]:
    typed = state.typed_prices(slug, connection)
    services = list(held.services.values())
    return {
        "id": connection,
        "held": held,
        "rows": [_row(service, typed.get(service.code)) for service in services[:SERVICES_SHOWN]],
        "more": max(0, len(services) - SERVICES_SHOWN),
    }


def _row(service: Service, typed: Price | None) -> dict[str, Any]:
    return {"service": service, "price": service.price or typed, "is_typed": service.price is None and typed}


def _moment(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:19]} UTC"


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["moment"] = _moment
    return environment.get_template(name)
