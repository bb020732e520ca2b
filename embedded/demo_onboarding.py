"""One onboarding of the demo, from contract to activation.

Nothing is known here of a partner's order: each round looks at what waits and does what its `actions`, or the mail, offer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded.demo_desk import Desk

EVIDENCE = {"document": "Contract 118/2026", "date": "2026-02-27"}
PROVIDER = {"name": "Dr. Ana Ionescu", "role": "Administrator", "email": "ana@clinica-demo.example"}
SERVICES = (
    ("CARD", "Consultație cardiologie", 30),
    ("ECO", "Ecografie abdominală", 25),
    ("EKG", "Electrocardiogramă", 15),
    ("DERM", "Dermatoscopie", 20),
)
AMOUNT = "250.00"
MEETING_PLACE = "https://meet.example/clinica-demo"
CALENDAR = {
    "physician": "Dr. Ana Ionescu",
    "weekly_hours": [
        {"day": day, "from": "09:00", "to": "17:00"} for day in ("mon", "tue", "wed", "thu", "fri")
    ],
    "exceptions": [],
}


@dataclass
class Walk:
    """One onboarding on its way; ``says`` tells what is being done."""

    desk: Desk
    partner: str
    says: Callable[[str], None]
    id: str = ""
    seen: dict[str, Any] = field(default_factory=dict)

    def begin(self, run: str) -> None:
        """Registers a fresh clinic with a few examinations and starts its onboarding."""
        self.says(f"{self.partner}: a clinic with {len(SERVICES)} examinations; the onboarding starts")
        clinic = {
            "name": f"Clinica Demo {run}",
            "email": "contact@clinica-demo.example",
            "locale": "ro",
            "time_zone": "Europe/Bucharest",
        }
        provider = self.desk.ask("POST", "/api/v1/providers", clinic)["id"]
        for code, name, minutes in SERVICES:
            service = {"code": code, "name": name, "duration_minutes": minutes}
            self.desk.ask("POST", f"/api/v1/providers/{provider}/services", service)
        start = {"provider_id": provider, "partner": self.partner}
        self.id = self.desk.ask("POST", "/api/v1/onboardings", start)["id"]
        self.look()

    def look(self) -> None:
        self.seen = self.desk.ask("GET", f"/api/v1/onboardings/{self.id}")

    @property
    def live(self) -> bool:
        return bool(self.seen["status"] == "live")

    @property
    def provider_id(self) -> str:
        return str(self.seen["provider"]["id"])

    def move(self) -> bool:
        """Does the first thing that somebody can do now; False where everything waits for Racord itself."""
        self.look()
        open_steps = (step for step in self.seen["steps"] if step["waiting_on"] not in (None, "system"))
        return any(self._by_action(step) or self._by_mail(step) for step in open_steps)

    def _by_action(self, step: dict[str, Any]) -> bool:
        for action in step["actions"]:
            body = _body(action)
            if body is not None:
                self.says(f"{self.partner}: {step['title']}: {action['method']} {action['href']}")
                self.desk.ask(action["method"], action["href"], body)
                return True
        return False

    def _by_mail(self, step: dict[str, Any]) -> bool:
        """Answers one of the step's signed links that are still good, as its holder would."""
        for letter in self.desk.letters(self.id, step["key"], step["attempt"]):
            to, subject = letter.message["To"], letter.message["Subject"]
            self.says(f"{self.partner}: {step['title']}: {to} opens the link in “{subject}”")
            schema = next(a["schema"] for a in letter.asks["actions"] if a["name"] == "complete")
            scenarios = schema.get("$defs", {}).get("Scenarios", {}).get("properties", {})
            answers = {"scenarios": dict.fromkeys(scenarios, "passed")} if scenarios else {}
            self.desk.say_yes(letter, **answers)
            return True
        return False


def _body(action: dict[str, Any]) -> dict[str, Any] | None:
    """What to send for an action of the account manager's; None for those that this walk leaves to others."""
    fields = action["schema"].get("properties", {})
    match action["name"]:
        case "complete" if "on_behalf_of" not in action["schema"].get("required", []):
            return {"evidence": EVIDENCE, "note": "Recorded by the demo"}
        case "arrange_meeting" if "reason" not in action["schema"]["required"]:
            return {"starts_at": fields["starts_at"]["x-choices"][0]["const"], "place": MEETING_PLACE}
        case "put_calendar":
            return {
                **CALENDAR,
                "service_ids": [one["const"] for one in fields["service_ids"]["items"]["oneOf"]],
            }
        case "enable_channel":
            return {"enabled": True}
        case "publish_services":
            return {"service_ids": fields["service_ids"]["default"]}
        case "set_prices":
            return {"prices": [{**row, "amount": AMOUNT} for row in fields["prices"]["default"]]}
        case "accept_consent":
            return {"version": fields["version"]["const"], "accepted_by": PROVIDER}
    return None
