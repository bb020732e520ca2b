"""One live connection of the demo: what Racord says is bookable, what the call centre sees, and what people do (R14–R17)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded.demo_desk import Desk, Letter
from embedded.demo_onboarding import AMOUNT, CALENDAR, SERVICES, Walk
from embedded.demo_partner import CallCentre, Offers, offers

CURRENCY = "RON"


@dataclass
class Connection:
    """``wanted`` and ``known`` are what Racord and the partner ought to have; ``ours`` and ``theirs`` what they have."""

    desk: Desk
    walk: Walk
    centre: CallCentre
    says: Callable[[str], None]
    seen: dict[str, Any] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    ours: Offers = field(default_factory=dict)
    theirs: Offers = field(default_factory=dict)
    wanted: Offers = field(default_factory=dict)
    known: Offers = field(default_factory=dict)
    drifting: set[str] = field(default_factory=set)

    @property
    def partner(self) -> str:
        return str(self.walk.seen["partner_name"])

    @property
    def id(self) -> str:
        return str(self.seen["id"])

    def look(self) -> None:
        """Asks both sides."""
        if not self.seen:
            asked = f"/api/v1/connections?provider_id={self.walk.provider_id}&partner={self.walk.partner}"
            self.seen = self.desk.ask("GET", asked)["items"][0]
        here = f"/api/v1/connections/{self.id}"
        self.seen = self.desk.ask("GET", here)
        self.notices = self.desk.ask("GET", f"{here}/notices")["items"]
        services = self.desk.ask("GET", f"{here}/services")["items"]
        self.ids |= {one["code"]: one["id"] for one in services}
        self.ours = offers([{"code": one["code"], **one["ours"]} for one in services if one["bookable"]])
        self.drifting = {one["code"] for one in services if one["drift"]}
        self.theirs = self.centre.sees(self.id)

    def expect(
        self, changed: Offers | None = None, gone: str | None = None, *, unheard: bool = False
    ) -> None:
        """What is to be bookable from now on; ``unheard``: the partner does not learn of it yet."""
        self.wanted = {code: one for code, one in (self.wanted | (changed or {})).items() if code != gone}
        if not unheard:
            self.known = dict(self.wanted)

    def differences(self) -> list[str]:
        """What is not as it ought to be, one line each."""
        sides = (("Racord", self.wanted, self.ours), ("the call centre", self.known, self.theirs))
        found = [
            f"{code}: {side} has {tell(has.get(code))} where {tell(ought.get(code))} is right"
            for side, ought, has in sides
            for code in sorted(ought.keys() | has.keys())
            if ought.get(code) != has.get(code)
        ]
        late = {
            code
            for code in self.wanted.keys() | self.known.keys()
            if self.wanted.get(code) != self.known.get(code)
        }
        return found + [
            f"{code}: Racord is wrong about what the partner has" for code in sorted(late ^ self.drifting)
        ]

    def start(self) -> None:
        """What the joint test tested is bookable; a partner who takes no recorded prices typed those in."""
        self.expect({code: (minutes, AMOUNT) for code, _, minutes in SERVICES})
        if not self.centre.takes_prices:
            self.says(
                f"{self.partner}: a clerk types in the {len(SERVICES)} prices that the joint test agreed on"
            )
            tested = {"amount": AMOUNT, "currency": CURRENCY}
            self.centre.types_in(self.id, {code: tested for code, *_ in SERVICES})

    def change_price(self, code: str, amount: str) -> None:
        self.expect({code: (self.wanted[code][0], amount)})
        row = {"service_id": self.ids[code], "amount": amount, "currency": CURRENCY}
        self.desk.ask("POST", f"{self._channel}/prices/set", {"prices": [row]})

    def change_duration(self, code: str, minutes: int, *, unheard: bool = False) -> None:
        self.expect({code: (minutes, self.wanted[code][1])}, unheard=unheard)
        self.desk.ask("PATCH", f"{self._provider}/services/{self.ids[code]}", {"duration_minutes": minutes})

    def add_examination(self, code: str, name: str, minutes: int, amount: str) -> None:
        """Adds it with all that it needs and ticks it; it is bookable only after the partner's yes (R14)."""
        service = {"code": code, "name": name, "duration_minutes": minutes}
        id = self.desk.ask("POST", f"{self._provider}/services", service)["id"]
        for calendar in self.desk.ask("GET", f"{self._provider}/calendars")["items"]:
            body = {**CALENDAR, "service_ids": [*calendar["service_ids"], id]}
            self.desk.ask("PUT", f"{self._provider}/calendars/{calendar['id']}", body)
        row = {"service_id": id, "amount": amount, "currency": CURRENCY}
        self.desk.ask("POST", f"{self._channel}/prices/set", {"prices": [row]})
        self.desk.ask("PATCH", f"{self._channel}/published", {"add": {"codes": [code]}})

    def delete(self, code: str) -> None:
        self.expect(gone=code)
        self.desk.ask("DELETE", f"{self._provider}/services/{self.ids[code]}")

    def disable(self) -> None:
        self.wanted, self.known = {}, {}
        self.desk.ask("PATCH", self._channel, {"enabled": False})

    def answer_mail(self) -> None:
        """What the partner's people do about notices that came: confirm by the link, and type prices in."""
        for notice in self.notices:
            if notice["state"] == "sent":
                for letter in self.desk.letters(self.walk.id, notice["id"], notice["attempt"]):
                    self._answer(letter)

    def _answer(self, letter: Letter) -> None:
        to, subject = letter.message["To"], letter.message["Subject"]
        self.says(f"{self.partner}: {to} opens the link in “{subject}” and says yes")
        self.desk.say_yes(letter)
        if self.centre.takes_prices:
            return
        prices = {line["code"]: line["new"] for line in letter.asks["notice"]["lines"]}
        told = ", ".join(f"{code} {price['amount']} {price['currency']}" for code, price in prices.items())
        self.says(f"{self.partner}: its clerk types in: {told}")
        self.centre.types_in(self.id, prices)

    @property
    def _provider(self) -> str:
        return f"/api/v1/providers/{self.walk.provider_id}"

    @property
    def _channel(self) -> str:
        return f"{self._provider}/channels/{self.walk.partner}"


def tell(offer: tuple[int, str | None] | None) -> str:
    """An offer in words."""
    return f"{offer[0]} min, {offer[1] or 'no price'}" if offer else "nothing"
