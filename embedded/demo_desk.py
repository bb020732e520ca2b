"""The demo's hands: the public API as its manager asks it, and the mails that were caught, with their links."""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import httpx2

from embedded.home import Home

LINK = re.compile(r"https?://\S+(/l/[^\s>]+)")
PERSON = {"name": "Mihai Pop", "role": "Integration lead"}


@dataclass(frozen=True)
class Letter:
    """A mail whose link is still good: its path, and what it asks of whom."""

    message: EmailMessage
    path: str
    asks: dict[str, Any]


@dataclass(frozen=True)
class Desk:
    """Whatever is refused ends the demo with what the API says about it."""

    http: httpx2.Client
    home: Home

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, path, json=body, headers={"accept": "application/json"})
        if answer.is_error:
            problem = answer.json()
            raise SystemExit(
                f"{method} {path}: {answer.status_code}: {problem.get('detail')} {problem.get('mend')}"
            )
        return answer.json() if answer.content else None

    def mails(self, onboarding_id: str, step: str, attempt: int | None = None) -> Iterator[EmailMessage]:
        """Those about a step, or about a notice or the end of its connection, as far as they have arrived."""
        ledger = self.ask("GET", f"/api/v1/onboardings/{onboarding_id}/mails")["items"]
        wanted = {
            row["message_id"]
            for row in ledger
            if row["step"] == step and attempt in (None, row["attempt"]) and row["state"] == "sent"
        }
        for path in sorted(self.home.mail.glob("*.eml")) if wanted else ():
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if message["Message-ID"] in wanted:
                yield message

    def letters(self, onboarding_id: str, step: str, attempt: int) -> Iterator[Letter]:
        """Of those mails, the ones that wait for an answer."""
        for message in self.mails(onboarding_id, step, attempt):
            if (found := LINK.search(_text(message))) is None:
                continue
            shown = self.http.get(found[1], headers={"accept": "application/json"})
            if shown.status_code == httpx2.codes.OK and shown.json()["actions"]:
                yield Letter(message, found[1], shown.json())

    def say_yes(self, letter: Letter, **more: Any) -> None:
        """Answers as the link's holder would."""
        self.ask("POST", letter.path, {"action": "complete", **PERSON, **more})


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    return str(part.get_content()) if part else ""
