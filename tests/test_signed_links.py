"""Signed links: looking changes nothing, one answer counts, and what is dead looks the same whatever it was (SAFETY, Links)."""

import asyncio
import random
import string
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database.tables import Base
from tests.stack import Stack, link_in
from tests.test_api_onboardings import step_of
from tests.test_journey import SIGNED, Journey

YES = {"action": "complete", **SIGNED}
NO = {"action": "reject", "reason": "The VPN certificate has run out.", **SIGNED}
PAGE = {"accept": "text/html"}


async def at_settings(stack: Stack, partner: str = "generali") -> tuple[Journey, str]:
    """An onboarding that waits on the partner's technical settings, and the link to them."""
    journey = await Journey(stack, partner).begin()
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    await stack.step(journey.id, "settings", "waiting")
    return journey, link_in(await journey.newest_mail("settings"))


async def contents(stack: Stack) -> dict[str, str | None]:
    """A digest of every table: the same as long as no row of it changed."""
    async with stack.database.transaction() as session:
        return {
            table: await session.scalar(
                text(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
            )
            for table in Base.metadata.tables
            if table != "tested_configurations"  # kept by whoever reads facts, in its own time
        }


async def events(stack: Stack, journey: Journey, kind: str) -> list[Any]:
    found = await stack.call("GET", f"/onboardings/{journey.id}/events", params={"limit": 200})
    return [event for event in found["items"] if event["type"] == kind]


async def edit_link(stack: Stack, path: str, change: str, **values: Any) -> None:
    link_id = stack.app.state.context.links.link_id(path.removeprefix("/l/"))
    async with stack.database.transaction() as session:
        await session.execute(text(f"UPDATE links SET {change} WHERE id = :id"), {"id": link_id, **values})


async def quiet(stack: Stack, journey: Journey, mails: int) -> None:
    """Waits until that many of the onboarding's mails are settled in its progress, so that nothing moves by itself."""
    await stack.until(lambda: events(stack, journey, "mail.sent"), lambda found: len(found) == mails)


class Forms(HTMLParser):
    """Every form of a page as a program fills it in that types nothing: the values that are there, each button once."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, list[tuple[str, str]]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", ""), []))
        elif tag in ("input", "textarea", "button", "select") and self.forms and given.get("name"):
            self.forms[-1][1].append((given["name"], given.get("value", "")))


async def test_a_thousand_looks_change_nothing_and_send_nothing(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await quiet(stack, journey, 3)
    before, mails = await contents(stack), len(stack.mails.all())
    for _ in range(50):
        looks = [stack.anybody.get(link, headers=PAGE) for _ in range(4)]
        looks += [stack.anybody.get(link) for _ in range(10)] + [stack.anybody.head(link) for _ in range(6)]
        answers = await asyncio.gather(*looks)
        assert {answer.status_code for answer in answers} <= {200, 405}
    assert await contents(stack) == before
    assert len(stack.mails.all()) == mails
    assert (await stack.anybody.post(link, json=YES)).status_code == 200


async def test_a_program_that_submits_every_form_untyped_confirms_nothing(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await quiet(stack, journey, 3)
    before = await contents(stack)
    page = await stack.anybody.get(link, headers=PAGE)
    forms = Forms(page.text).forms
    assert len(forms) >= 2
    for action, fields in forms:
        for blank in ("", " ", "\t"):
            typed = {name: value or blank for name, value in fields}
            answer = await stack.anybody.post(action or link, data=typed, headers=PAGE)
            assert answer.status_code == 422, answer.text
    assert await contents(stack) == before


@pytest.mark.parametrize("typed_the_same", [True, False], ids=["the same answer", "answers that differ"])
async def test_forty_answers_at_once_have_one_effect(stack: Stack, typed_the_same: bool) -> None:
    for _ in range(2):
        journey, link = await at_settings(stack)
        bodies = [YES if typed_the_same else {**YES, "name": f"Person {n}"} for n in range(40)]
        answers = await asyncio.gather(*(stack.anybody.post(link, json=body) for body in bodies))
        # 202: taken down, where the worker is too busy to answer at once; what comes of it is looked at below.
        assert {answer.status_code for answer in answers} <= {200, 202, 410}
        taken = [answer for answer in answers if answer.status_code == 200]
        assert typed_the_same or len(taken) <= 1
        await stack.step(journey.id, "settings", "done")
        said = await events(stack, journey, "step.complete")
        assert [(event["step"], event["actor"]["kind"]) for event in said] == [
            ("settings", "link"),
            ("contract", "api_key"),
        ]


async def test_of_a_yes_and_a_no_at_once_one_counts_and_the_other_is_told_so(stack: Stack) -> None:
    for _ in range(3):
        journey, link = await at_settings(stack)
        yes, no = await asyncio.gather(stack.anybody.post(link, json=YES), stack.anybody.post(link, json=NO))
        assert sorted((yes.status_code, no.status_code)) == [200, 410]
        step = step_of(await journey.see(), "settings")
        assert (step["state"] == "done") is (yes.status_code == 200)
        assert (step["attempt"], bool(step["rejection"])) == (
            (1, False) if yes.status_code == 200 else (2, True)
        )
        assert (await stack.anybody.post(link, json=NO)).status_code == 410


def mutants(token: str, other: str, count: int) -> list[str]:
    """Tokens like these two, none of them one of these."""
    chance, alphabet = random.Random(20260312), string.ascii_letters + string.digits + "_-~."
    value, _, signature = token.rpartition(".")
    other_value, _, other_signature = other.rpartition(".")
    found = {
        f"{value}.{other_signature}",
        f"{other_value}.{signature}",
        value,
        f"{value}.",
        f".{signature}",
        token * 2,
    }
    found |= {token[:cut] for cut in range(1, len(token))} | {
        token.upper(),
        token.lower(),
        f"{token}=",
        f"%20{token}",
    }
    while len(found) < count:
        at, letter = chance.randrange(len(token)), chance.choice(alphabet)
        found |= {
            token[:at] + letter + token[at + 1 :],
            token[:at] + letter + token[at:],
            token[:at] + token[at + 1 :],
        }
    return sorted(found - {token, other})


async def test_swapped_and_altered_tokens_look_like_unknown_used_expired_and_revoked_ones(
    stack: Stack,
) -> None:
    journey, link = await at_settings(stack)
    _, other = await at_settings(stack, "europ-assistance")
    unknown = f"/l/{stack.app.state.context.links.token('lnk_unknown')}"
    dead = {unknown: await stack.anybody.get(unknown)}
    await quiet(stack, journey, 3)
    before = await contents(stack)
    tokens = mutants(link.removeprefix("/l/"), other.removeprefix("/l/"), 2000)
    for start in range(0, len(tokens), 50):
        paths = [f"/l/{token}" for token in tokens[start : start + 50]]
        answers = await asyncio.gather(*(stack.anybody.get(path) for path in paths))
        answers += await asyncio.gather(*(stack.anybody.post(path, json=YES) for path in paths[::10]))
        dead |= {str(answer.request.url): answer for answer in answers}
    assert len(dead) > 1900
    assert await contents(stack) == before
    revoked, used, expired = link, other, (await at_settings(stack, "global-assistance"))[1]
    await edit_link(stack, revoked, "revoked_at = now()")
    assert (await stack.anybody.post(used, json=YES)).status_code == 200
    await edit_link(stack, expired, "expires_at = now()")
    for path in (revoked, used, expired):
        dead |= {
            f"GET {path}": await stack.anybody.get(path),
            f"POST {path}": await stack.anybody.post(path, json=YES),
        }
    assert {(answer.status_code, answer.text) for answer in dead.values()} == {(410, dead[unknown].text)}
    pages = {
        path: await stack.anybody.get(path, headers=PAGE)
        for path in (revoked, used, expired, unknown, f"{link}x")
    }
    plain = {without_nonce(page.text).replace(path, "/l/TOKEN") for path, page in pages.items()}
    assert len(plain) == 1
    assert {page.status_code for page in pages.values()} == {410}


def without_nonce(page: str) -> str:
    parts = page.split('nonce="')
    return parts[0] + "".join(part.partition('"')[2] for part in parts[1:])


async def test_the_page_speaks_to_the_partner_in_the_partners_language_and_zone(stack: Stack) -> None:
    _, link = await at_settings(stack)
    page = (await stack.anybody.get(link, headers={"accept": "text/html"})).text
    assert "Confirmați" in page
    assert "(București)" in page
    assert "Înregistrați confirmarea partenerului" not in page
