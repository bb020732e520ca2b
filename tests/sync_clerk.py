"""The clerk at a partner who takes no recorded prices: reads notices, types prices in, acknowledges by link (R14, R16)."""

import csv
import io
import re
from dataclasses import dataclass, field
from email.message import EmailMessage

from tests.live_channel import Channel
from tests.stack import link_in

WHO = {"action": "complete", "name": "Mihai Pop", "role": "Catalogue"}
FILE = re.compile(r"(prices|services)-(\d+)\.csv")
PRICE_COLUMN = {"prices": 5, "services": 3}


@dataclass
class Letter:
    """A notice as it came."""

    mail: EmailMessage
    kind: str
    number: int

    def prices(self) -> dict[str, str | None]:
        """What it says each service costs from now on, by code."""
        (file,) = list(self.mail.iter_attachments())
        content = file.get_content()
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.lstrip("\ufeff")
        _, *rows = csv.reader(io.StringIO(text), delimiter=";")
        column = PRICE_COLUMN[self.kind]
        return {row[0]: row[column].replace(",", ".") or None for row in rows}


@dataclass
class Clerk:
    """Acknowledges each letter at most once."""

    channel: Channel
    answered: set[str] = field(default_factory=set)

    async def letters(self) -> list[Letter]:
        """Every notice of this connection that came to the partner, in the order of coming; support has copies."""
        desk = self.channel.stack.settings.support_email
        path = f"/onboardings/{self.channel.live.onboarding_id}/mails"
        ledger = await self.channel.stack.call("GET", path, params={"limit": 200})
        ours = {row["message_id"] for row in ledger["items"]}
        found = []
        for mail in self.channel.stack.mails.all():
            if desk in mail.get_all("X-Envelope-To", []):
                continue
            names = [FILE.fullmatch(part.get_filename() or "") for part in mail.iter_attachments()]
            if mail["Message-ID"] in ours and names and (name := names[0]):
                found.append(Letter(mail, name[1], int(name[2])))
        return found

    async def acknowledge(self, letter: Letter) -> bool:
        """Whether the link was still good: a notice may be withdrawn."""
        self.answered.add(letter.mail["Message-ID"])
        answer = await self.channel.stack.anybody.post(link_in(letter.mail), json=WHO)
        assert answer.status_code < 500, answer.text
        return answer.is_success

    async def acknowledge_one(self, a: int) -> None:
        """Any that was not yet answered."""
        if left := [one for one in await self.letters() if one.mail["Message-ID"] not in self.answered]:
            await self.acknowledge(left[a % len(left)])

    async def acknowledge_all(self) -> None:
        for one in await self.letters():
            if one.mail["Message-ID"] not in self.answered:
                await self.acknowledge(one)

    async def reject_one(self, a: int) -> None:
        """Says no to any new examinations that were not yet answered."""
        letters = [one for one in await self.letters() if one.kind == "services"]
        if left := [one for one in letters if one.mail["Message-ID"] not in self.answered]:
            letter = left[a % len(left)]
            self.answered.add(letter.mail["Message-ID"])
            no = {**WHO, "action": "reject", "reason": "We have no such category."}
            answer = await self.channel.stack.anybody.post(link_in(letter.mail), json=no)
            assert answer.status_code < 500, answer.text

    async def type_in(self) -> dict[str, str]:
        """Types in what the acknowledged notices say, in the order in which they came; the prices then, by code."""
        good = {one["number"] for one in await self.channel.notices() if one["state"] == "acknowledged"}
        slug, connection = self.channel.slug, self.channel.live.connection_id
        for letter in await self.letters():
            if letter.number in good:
                prices = {
                    code: {"amount": amount, "currency": "RON"} if amount else None
                    for code, amount in letter.prices().items()
                }
                await self.channel.sandbox.order(slug, "prices", connection=connection, prices=prices)
        answer = await self.channel.sandbox.http.get(f"/{slug}/held")
        found = next((one for one in answer.json()["items"] if one["connection"] == connection), None)
        return {code: price["amount"] for code, price in (found or {}).get("typed_prices", {}).items()}
