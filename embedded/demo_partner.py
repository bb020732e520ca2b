"""The partner of one live connection, as the sandbox plays it: what its call centre sees, and what its people do."""

from dataclasses import dataclass
from typing import Any

import httpx2

Offers = dict[str, tuple[int, str | None]]
"""Minutes and price, by the service's code."""


def offers(services: list[dict[str, Any]]) -> Offers:
    """Each with `duration_minutes` and a `price` that may be absent."""
    return {
        one["code"]: (one["duration_minutes"], (one.get("price") or {}).get("amount")) for one in services
    }


@dataclass(frozen=True)
class CallCentre:
    """Orders to the sandbox, and questions; ``takes_prices``: they come with the data, nobody types them in (R16)."""

    http: httpx2.Client
    slug: str
    takes_prices: bool

    def sees(self, connection_id: str) -> Offers:
        """What can be booked there, at which price."""
        held = self._ask("GET", "held").json()["items"]
        mine = next((one for one in held if one["connection"] == connection_id), None)
        if mine is None:
            return {}
        if self.takes_prices:
            return offers(mine["services"])
        typed = mine["typed_prices"]
        return offers([{**one, "price": typed.get(one["code"])} for one in mine["services"]])

    def types_in(self, connection_id: str, prices: dict[str, dict[str, str]]) -> None:
        self._ask("POST", "prices", {"connection": connection_id, "prices": prices})

    def goes_down(self) -> None:
        self._ask("POST", "behave", {"mode": "down"})

    def comes_back(self) -> None:
        self._ask("POST", "behave", {"mode": "ok"})

    def _ask(self, method: str, what: str, body: Any = None) -> httpx2.Response:
        answer = self.http.request(method, f"/{self.slug}/{what}", json=body)
        if answer.is_error:
            raise SystemExit(f"sandbox, {method} /{self.slug}/{what}: {answer.status_code}: {answer.text}")
        return answer
