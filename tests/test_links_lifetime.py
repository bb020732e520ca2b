"""How long a signed link lives, what it does meanwhile, and who hears of its token: nobody (SAFETY, Links)."""

import io
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from adapters.database.links import OUTLIVES_DUE
from adapters.database.tables import Base
from adapters.logging import configure
from adapters.settings import LogFormat
from api.routes import links as routes
from tests.stack import Stack, settings_for, stack_on
from tests.test_signed_links import PAGE, YES, Forms, at_settings
from tests.test_stream import listening

REASON = {"reason": "The clinic moves house."}


async def test_a_link_lives_to_the_moment_it_was_promised_and_no_longer(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey, link = await at_settings(stack)
    shown = (await stack.anybody.get(link)).json()
    end = datetime.fromisoformat(shown["expires_at"])
    assert end - datetime.now(UTC) > timedelta(days=20, hours=23)
    due = next(one["due_at"] for one in (await journey.see())["steps"] if one["key"] == "settings")
    assert end >= datetime.fromisoformat(due) + OUTLIVES_DUE

    def at(moment: datetime) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return moment

        monkeypatch.setattr(routes, "datetime", Clock)

    at(end - timedelta(microseconds=1))
    assert (await stack.anybody.get(link)).status_code == 200
    at(end)
    assert (await stack.anybody.get(link)).status_code == 410
    assert (await stack.anybody.post(link, json=YES)).status_code == 410
    at(end - timedelta(seconds=1))
    assert (await stack.anybody.post(link, json=YES)).status_code == 200


async def test_a_new_first_key_keeps_old_links_alive_and_dropping_the_old_one_ends_them(stack: Stack) -> None:
    _, link = await at_settings(stack)
    old, new = stack.settings.secret_keys[0].get_secret_value(), secrets.token_hex(32)
    for keys, expected in (((new, old), 200), ((new,), 410)):
        rotated = settings_for(
            stack.settings.database_url,
            stack.settings.temporal_address,
            stack.settings.smtp_port,
            secret_keys=keys,
        )
        async with stack_on(rotated, stack.database, stack.temporal, stack.mails) as other:
            assert (await other.anybody.get(link)).status_code == expected
            assert other.app.state.context.links.token("lnk_1") != stack.app.state.context.links.token(
                "lnk_1"
            )


async def test_links_die_when_the_onboarding_is_cancelled(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await stack.call("POST", f"/onboardings/{journey.id}/cancel", json=REASON)
    assert (await stack.anybody.get(link)).status_code == 410
    assert (await stack.anybody.post(link, json=YES)).status_code == 410


async def test_on_hold_a_link_says_wait_and_comes_back_with_the_onboarding(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await stack.call("POST", f"/onboardings/{journey.id}/hold", json=REASON)
    shown = await stack.anybody.get(link)
    assert (shown.status_code, shown.json()["actions"]) == (200, [])
    page = await stack.anybody.get(link, headers=PAGE)
    assert (page.status_code, Forms(page.text).forms) == (200, [])
    refused = await stack.anybody.post(link, json=YES)
    assert (refused.status_code, refused.json()["code"]) == (409, "on-hold")
    await stack.call("POST", f"/onboardings/{journey.id}/resume", json=REASON)
    assert (await stack.anybody.post(link, json=YES)).status_code == 200


async def test_the_token_is_told_to_nobody(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journey, link = await at_settings(stack)
    token, signature = link.removeprefix("/l/"), link.rpartition(".")[2]
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    configure(LogFormat.TEXT)
    answers = []
    async with listening(stack.app) as address, httpx2.AsyncClient(base_url=address, trust_env=False) as http:
        answers.append(await http.get(link, headers=PAGE))
        answers += [await http.get(link), await http.post(link, json={"action": "complete"})]
        answers += [
            await http.post(link, content="{", headers={"content-type": "application/json"}),
            await http.post(link, json=YES),
        ]
        answers += [
            await http.get(link),
            await http.get(f"{link}?again=1", headers=PAGE),
            await http.post(f"{link}/renew"),
        ]
    await stack.step(journey.id, "settings", "done")
    assert [answer.status_code for answer in answers] == [200, 200, 422, 422, 200, 410, 410, 202]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    logged = log.getvalue() + "".join(capsys.readouterr())
    assert logged.count("/l/…") >= len(answers)
    assert signature not in logged
    async with stack.database.transaction() as session:
        for table in Base.metadata.tables:
            found = await session.scalar(
                text(f"SELECT count(*) FROM {table} t WHERE t::text LIKE :it"), {"it": f"%{signature}%"}
            )
            assert found == 0, f"{table} keeps {token}"
    history = await stack.temporal.client.get_workflow_handle(f"onboarding:{journey.id}").fetch_history()
    assert signature not in history.to_json()
