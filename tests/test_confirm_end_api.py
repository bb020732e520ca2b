"""An end that the partner's system does not prove: whose move it is, and closed on the partner's word (R17)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.database import deliveries
from adapters.database.session import Database
from domain.delivery import PushAnswer, Verdict
from tests.catalogue_client import Client, serving
from tests.connection_client import Line
from tests.connections import go_live
from tests.stack import settings_for

TAKEN = PushAnswer(verdict=Verdict.TAKEN, status=200)
MUTE = {"known": False, "held": 0, "detail": "it answered 401", "since": "2026-03-12T08:00:00Z"}
HOLDS = {"known": True, "held": 2, "detail": "", "since": "2026-03-12T08:00:00Z"}


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


@pytest.fixture
async def ending(api: Client) -> Line:
    """Its channel was disabled, and the partner's system is to be told."""
    here = Line(await go_live(api.database, "generali"), api)
    await here.take()
    await api.call("PATCH", f"/providers/{here.live.provider_id}/channels/generali", {"enabled": False})
    await here.plan_end()
    return here


async def begun(here: Line, ago: timedelta) -> None:
    """The partner's system is being told since then."""
    async with here.live.database.transaction() as session:
        made = await deliveries.waiting(session, here.live.connection_id)
        assert made is not None
        made.created_at = datetime.now(UTC) - ago


async def tasks(here: Line) -> list[tuple[str, str, str]]:
    found = (await here.api.call("GET", "/tasks"))["items"]
    return [(one["step"], one["waiting_on"], one["title"]) for one in found]


@pytest.mark.parametrize(
    ("comparison", "said"),
    [
        (
            MUTE,
            "Closed here; the partner does not say what it still holds: it answered 401",
        ),
        (HOLDS, "Closed here; the partner took the end, but says that it still holds services: 2"),
        (None, "Closed here; the partner may not know yet"),
    ],
)
async def test_the_inbox_and_the_connection_say_alike_whose_move_it_is(
    ending: Line, comparison: dict[str, Any] | None, said: str
) -> None:
    await ending.answer(TAKEN)
    await ending.change(comparison=comparison)
    assert await tasks(ending) == []
    assert (await ending.see())["waiting_on"] == "system"
    await ending.change(since=datetime.now(UTC) - timedelta(minutes=16))
    assert await tasks(ending) == [("ending", "partner", said)]
    seen = await ending.see()
    assert (seen["waiting_on"], seen["comparison"]) == ("partner", comparison)


async def test_while_a_delivery_waits_its_end_is_not_said_to_be_taken(ending: Line) -> None:
    await ending.change(comparison=MUTE, since=datetime.now(UTC) - timedelta(minutes=16))
    assert await tasks(ending) == [("ending", "partner", "Closed here; the partner may not know yet")]


async def test_the_partners_word_closes_it_with_both_names_and_the_file_as_proof(ending: Line) -> None:
    await ending.answer(TAKEN)
    await ending.change(comparison=HOLDS)
    assert [one["name"] for one in (await ending.see())["actions"]] == ["confirm-end"]
    body = await ending.on_behalf()
    ended = await ending.do("confirm-end", body)
    assert (ended["status"], ended["waiting_on"], ended["actions"]) == ("ended", None, [])
    proof = ended["proof"]
    assert (proof["known"], proof["held"]) == (True, 2)
    assert (proof["recorded_by"]["name"], proof["on_behalf_of"]["name"]) == ("Ana Manager", "Ștefan Pop")
    assert proof["evidence"] == body["evidence"]
    assert ended["ended_at"] is not None
    told = (await ending.see("/events"))["items"][0]
    assert (told["type"], told["actor"]["name"]) == ("connection.ended", "Ana Manager")
    assert told["data"]["on_behalf_of"]["name"] == "Ștefan Pop"
    assert (await ending.plan_end()).over, "the workflow finds nothing left to do"
    assert (await ending.do("confirm-end", body, 409))["code"] == "connection-state"


async def test_while_the_partners_system_is_still_being_told_nobody_closes_it(ending: Line) -> None:
    body = await ending.on_behalf()
    await begun(ending, timedelta(hours=23))
    for answer in (None, PushAnswer(verdict=Verdict.LATER, status=503, detail="They are busy.")):
        if answer is not None:
            await ending.answer(answer)
        assert (await ending.see())["actions"] == []
        assert (await ending.do("confirm-end", body, 409))["code"] == "end-under-way"
    await ending.answer(TAKEN)
    assert (await ending.do("confirm-end", body, 409))["code"] == "end-under-way", "it was not asked yet"


@pytest.mark.parametrize("is_tried", [True, False], ids=["tried", "others were tried"])
async def test_an_end_that_could_not_be_delivered_for_a_day_is_closed_on_the_partners_word(
    ending: Line, is_tried: bool
) -> None:
    if is_tried:
        await ending.answer(PushAnswer(verdict=Verdict.LATER, detail="the certificate has run out"))
    await begun(ending, timedelta(hours=25))
    assert [one["name"] for one in (await ending.see())["actions"]] == ["confirm-end"]
    ended = await ending.do("confirm-end", await ending.on_behalf())
    assert (ended["status"], ended["delivery"]) == ("ended", None)


async def test_an_end_that_its_system_refuses_is_closed_on_its_word_and_not_sent_any_more(
    ending: Line,
) -> None:
    await ending.answer(PushAnswer(verdict=Verdict.REFUSED, status=422, detail="it answered 422"))
    assert (await ending.see())["waiting_on"] == "us"
    ended = await ending.do("confirm-end", await ending.on_behalf())
    assert (ended["status"], ended["delivery"], ended["counts"]["acknowledged"]) == ("ended", None, 0)
    assert (await ending.see("/deliveries"))["items"][0]["state"] == "superseded"


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_behalf_of": {"party": "provider", "name": "Ioana"}},
        {"evidence": {"document": "Call of 12 March", "date": "2026-03-12"}},
        {"evidence": {"document": "Call of 12 March", "date": "2026-03-12", "file": "evd_elsewhere"}},
    ],
    ids=str,
)
async def test_without_the_partners_name_or_a_file_nothing_is_closed(
    ending: Line, wrong: dict[str, Any]
) -> None:
    await ending.answer(TAKEN)
    await ending.change(comparison=MUTE)
    await ending.do("confirm-end", {**await ending.on_behalf(), **wrong}, 422)
    assert (await ending.see())["status"] == "ending"
