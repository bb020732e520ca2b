"""Whatever happens, and in whatever order: in the end the partner holds what we say is bookable, and every price edit
that it has to be told was told once, in order (R14–R17). `SYNC_EXAMPLES=200` runs it for as long as one likes.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, note, settings
from hypothesis import strategies as st

from tests.connections import go_live
from tests.live_channel import Channel, Held
from tests.partners_sandbox import Sandbox, endpoints, variables
from tests.stack import Stack
from tests.sync_clerk import Clerk
from tests.sync_examples import (
    KILLED_AND_LATE,
    NOTICES_THAT_CAME_BACK,
    TAKEN_IN_DOUBT_AND_TAKEN_BACK,
    Steps,
)
from tests.sync_looks import prices_by_code
from tests.sync_parts import Parts
from tests.sync_patience import Patience
from tests.sync_story import Story
from tests.test_outages import WorkerProcess
from tests.test_sandbox import Process

SHORT = 2
EXAMPLES = int(os.environ.get("SYNC_EXAMPLES", SHORT))
PATIENCE = 60.0
# What happens often in life happens often here.
ACTS = (
    *("look", "price", "price", "price", "duration", "tick", "untick", "new", "delete", "acknowledge"),
    *(
        "look",
        "acknowledge",
        "outage",
        "back",
        "nudge_again",
        "send_all",
        "pause",
        "resume",
        "worker",
        "relay",
    ),
    *("look", "disable", "enable", "enable", "late", "late", "tried"),
    *("mail_no", "mail_later", "mail_back", "mail_back", "posted", "remind", "remind", "reject"),
    # Another worker takes seconds to start: it dies in the stories below, and in long runs.
    *(("kill", "kill") if EXAMPLES > SHORT else ()),
)
_steps = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 127), st.integers(0, 127)), min_size=12, max_size=20
)


@pytest.fixture
def more_settings(sandbox_running: Process) -> dict[str, Any]:
    return endpoints(sandbox_running)


async def bookable(channel: Channel) -> Held:
    """What the explainer calls bookable, with the catalogue's minutes and prices."""
    stack, home, page = channel.stack, f"/providers/{channel.live.provider_id}", {"limit": 200}
    here = f"{home}/channels/{channel.slug}"
    said = await stack.call("GET", f"{here}/readiness", params=page)
    services = (await stack.call("GET", f"{home}/services", params=page))["items"]
    priced = (await stack.call("GET", f"{here}/prices"))["prices"]
    prices = {one["service_id"]: one["amount"] for one in priced}
    minutes = {one["id"]: one["duration_minutes"] for one in services}
    return {
        one["code"]: (minutes[one["id"]], prices[one["id"]])
        for one in said["services"]["items"]
        if one["bookable"]
    }


async def agrees(story: Story, *, but_for_rejected: bool = False) -> None:
    """Waits until the partner holds what is bookable, and nothing is under way.

    What it rejected may differ before a person of ours has settled it, as long as that is shown.
    """
    channel, patience = story.channel, Patience()

    async def look() -> tuple[Held, Held, bool]:
        await patience.wait(channel)
        seen = await channel.connection()
        ours = await bookable(channel) if story.is_live else {}
        if channel.slug == "global-assistance":
            ours = {code: (minutes, None) for code, (minutes, _) in ours.items()}
        quiet = seen["delivery"] is None and seen["status"] in ("active", "ended")
        rejected = await channel.rejected() if but_for_rejected else set()
        left_out = quiet and bool(but_for_rejected or not seen["counts"]["rejected"])
        return _without(ours, rejected), _without(await channel.held(), rejected), left_out

    await channel.stack.until(look, lambda seen: seen[0] == seen[1] and seen[2], patience=PATIENCE)


def _without(held: Held, codes: set[str]) -> Held:
    return {code: one for code, one in held.items() if code not in codes}


async def has_ended(channel: Channel) -> None:
    """It is proven, and the partner holds nothing of it."""
    patience = Patience()

    async def look() -> str:
        await patience.wait(channel)
        return str((await channel.connection())["status"])

    await channel.stack.until(look, lambda seen: seen == "ended", patience=PATIENCE)
    assert await channel.held() == {}


async def arrived_in_order(channel: Channel) -> None:
    """Nothing came under one id with two contents; what was taken was taken in its order."""
    where = {"connection": channel.live.connection_id}
    answer = await channel.sandbox.http.get(f"/{channel.slug}/deliveries", params=where)
    came = answer.json()["items"]
    assert [one for one in came if one["contradicted"]] == []
    taken = [one["sequence"] for one in came if one["outcome"] == "taken"]
    assert taken == sorted(set(taken))
    assert len({one["sequence"] for one in came}) == len(came)


async def told_in_order(clerk: Clerk) -> None:
    """No attempt of a notice came as two messages, no notice of prices before an earlier one."""
    letters = await clerk.letters()
    attempts = {one["number"]: one["attempt"] for one in await clerk.channel.notices()}
    messages = Counter(number for number, _ in {(one.number, one.mail["Message-ID"]) for one in letters})
    assert all(count <= attempts[number] for number, count in messages.items())
    prices = list(dict.fromkeys(one.number for one in letters if one.kind == "prices"))
    assert prices == sorted(prices)


async def every_edit_was_told(story: Story, clerk: Clerk) -> None:
    """R16: one notice for each edit that the partner must hear of, in the order of the edits; none for another's."""

    async def look() -> list[dict[str, Any]]:
        return await clerk.channel.notices()

    def is_out(seen: list[dict[str, Any]]) -> bool:
        told = {one["edit_id"] for one in seen}
        return all(e.id in told for e in story.edits if e.must) and "waiting" not in {
            n["state"] for n in seen
        }

    notices = await story.channel.stack.until(look, is_out, patience=PATIENCE)
    order = {edit.id: number for number, edit in enumerate(story.edits)}
    told = [order[one["edit_id"]] for one in notices if one["edit_id"]]
    assert told == sorted(set(told))
    came = {one.number for one in await clerk.letters()}
    assert came == {one["number"] for one in notices if one["sent_at"]}


async def clerk_knows_the_prices(story: Story, clerk: Clerk) -> None:
    """Whoever knows the prices of the joint test, and types in what was acknowledged, has ours; and we know it."""
    typed = await clerk.type_in()
    ours = await bookable(story.channel)
    assert (story.tested | typed).items() >= {code: price for code, (_, price) in ours.items()}.items()
    counts = (await story.channel.connection())["counts"]
    assert (counts["drifting"], counts["notices_open"]) == (0, 0)


async def tell(story: Story, steps: Steps) -> None:
    """Runs the steps, and then all that must hold."""
    clerk = Clerk(story.channel)
    for name, a, b in steps:
        if name in ("acknowledge", "reject"):
            await getattr(clerk, f"{name}_one")(a)
            continue
        await story.network.listen(story.channel)
        await getattr(story, name)(a, b)
        if clerk.channel is not story.channel:
            clerk = Clerk(story.channel)
    await story.all_on()
    await agrees(story, but_for_rejected=True)
    if story.is_live:
        await story.posted(0, 0)
        await story.settle()
        await agrees(story)
    if story.is_live and story.channel.slug == "global-assistance":
        await every_edit_was_told(story, clerk)
        while {one["state"] for one in await story.channel.notices()} & {"waiting", "sent"}:
            await clerk.acknowledge_all()
            await agrees(story)
        await clerk_knows_the_prices(story, clerk)
    for channel in {id(one): one for one in (*story.past, story.channel)}.values():
        await arrived_in_order(channel)
        await told_in_order(Clerk(channel))
    for channel in story.past:
        await has_ended(channel)


@pytest.mark.timeout(120 + 60 * EXAMPLES)
@pytest.mark.parametrize("slug", ["generali", "global-assistance"])
@settings(
    max_examples=EXAMPLES,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(steps=_steps)
@example(steps=[("price", 55, 7), ("disable", 0, 0), ("enable", 0, 0)])
@example(steps=TAKEN_IN_DOUBT_AND_TAKEN_BACK)
@example(steps=KILLED_AND_LATE)
@example(steps=NOTICES_THAT_CAME_BACK)
async def test_in_the_end_the_partner_holds_what_is_bookable_and_was_told_every_edit_once(
    idle_stack: Stack, sandbox: Sandbox, tmp_path: Path, slug: str, steps: Steps
) -> None:
    def spawn() -> WorkerProcess:
        return WorkerProcess(idle_stack.settings, tmp_path / "worker.log", variables(sandbox.process))

    live = await go_live(idle_stack.database, slug, services=3)
    channel = Channel(idle_stack, sandbox, live)
    is_killed = any(name == "kill" for name, *_ in steps)
    parts = Parts(idle_stack, spawn if is_killed else None)
    story = Story(channel, await prices_by_code(channel), parts)
    await sandbox.order(slug, "behave", mode="ok")
    idle_stack.mails.refusals.clear()
    await parts.all_on()
    try:
        await tell(story, steps)
    except AssertionError:
        note(f"{slug}: {steps}")
        raise
    finally:
        await parts.all_off()
