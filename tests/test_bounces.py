"""What comes back marks the address, shows as a blocker that waits on us, and a corrected address resends."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.bounces import Bounces
from adapters.database.access import create_api_key
from adapters.mail import bounce_folder
from adapters.mail.render import TEMPLATES
from adapters.playbooks import load_playbooks
from adapters.relay import Relay
from adapters.settings import PACKAGED_PARTNERS
from domain.names import onboarding_workflow_id
from tests import delivery_reports as written
from tests.stack import Stack
from tests.test_bounce_marks import marks, take
from tests.test_journey import Journey

ARMONIA, NEW = "contact@armonia.example", "birou@armonia.example"


@pytest.fixture
def more_settings(tmp_path: Path) -> dict[str, Any]:
    return {"bounces_maildir": tmp_path / "bounces"}


def loop_of(stack: Stack) -> Bounces:
    playbooks = load_playbooks(stack.settings.partners_dir, TEMPLATES)
    return Bounces(stack.settings, stack.database, stack.temporal, playbooks)


def deliver(stack: Stack, content: bytes, name: str = "1772442002.M1P1.mail") -> None:
    """As a mail server puts it there."""
    folder = stack.settings.bounces_maildir
    assert folder is not None
    bounce_folder.prepare(folder)
    (folder / "new" / name).write_bytes(content)


def files(stack: Stack) -> list[str]:
    folder = stack.settings.bounces_maildir
    assert folder is not None
    return sorted(f"{path.parent.name}/{path.name}" for path in folder.glob("*/*"))


async def asked_for_the_channel(stack: Stack) -> Journey:
    """The provider was reminded of the step that is its own, by mail."""
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await stack.call("POST", f"/onboardings/{journey.id}/steps/channel/remind", json={"to": "provider"})
    await stack.mail_to(ARMONIA)
    return journey


async def of_step(journey: Journey, key: str) -> Any:
    return next(step for step in (await journey.see())["steps"] if step["key"] == key)


async def test_a_report_in_the_mailbox_is_a_blocker_and_a_corrected_address_resends(stack: Stack) -> None:
    journey, loop = await asked_for_the_channel(stack), loop_of(stack)
    mail = await journey.newest_mail("channel")
    deliver(stack, written.postfix(mail["Message-ID"], ARMONIA))
    assert await loop.read() == 1
    assert files(stack) == ["cur/1772442002.M1P1.mail:2,S"]
    assert await loop.read() == 0
    assert await loop.tell() == 1
    assert await loop.tell() == 0

    seen = await stack.until(lambda: of_step(journey, "channel"), lambda step: step["blocker"])
    assert "User unknown" in seen["blocker"]
    assert (await stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"][-1]["state"] == "bounced"
    assert await loop.correct() == 0, "the address is still the same"

    provider = await stack.http.get(f"/api/v1/providers/{journey.provider}")
    await stack.call(
        "PATCH",
        f"/providers/{journey.provider}",
        json={"email": NEW},
        headers={"If-Match": provider.headers["etag"]},
    )
    assert await loop.correct() == 1
    await stack.mail_to(NEW)
    await stack.until(lambda: of_step(journey, "channel"), lambda step: not step["blocker"])
    assert await loop.correct() == 0
    assert len(stack.mails.to(NEW)) == 1
    (found,) = await marks(stack.database)
    assert found.row.resolved_at is not None


async def test_a_message_that_a_step_only_sends_reopens_it_and_is_sent_to_the_corrected_contact(
    idle_stack: Stack, tmp_path: Path
) -> None:
    """R3: the playbook's file is corrected, and the worker started again."""
    stack = idle_stack
    stack.settings = stack.settings.model_copy(update={"partners_dir": tmp_path / "partners"})
    shutil.copytree(PACKAGED_PARTNERS, stack.settings.partners_dir)
    async with stack.working():
        journey = await Journey(stack, "generali").begin()
        await journey.sign_contract()
        mail = await journey.newest_mail("intent")
        dead = mail.get_all("X-Envelope-To", [])[0]
        deliver(stack, written.gmail(mail["Message-ID"], dead))
        loop = loop_of(stack)
        assert (await loop.read(), await loop.tell()) == (1, 1)
        await stack.step(journey.id, "intent", "waiting", "stale")
        step = await of_step(journey, "intent")
        assert step["waiting_on"] == "us", "the blocker has an owner"
        assert "does not exist" in step["blocker"]
    file = stack.settings.partners_dir / "generali.yaml"
    file.write_text(file.read_text().replace(dead, "canal-nou@generali.example"))
    async with stack.working():
        await stack.step(journey.id, "intent", "done")
        await stack.mail_to("canal-nou@generali.example")
    assert len(stack.mails.to(dead)) == 1


async def test_while_an_onboarding_is_on_hold_nothing_is_sent_and_afterwards_it_is(stack: Stack) -> None:
    journey, loop = await asked_for_the_channel(stack), loop_of(stack)
    mail = await journey.newest_mail("channel")
    await take(stack.database, written.postfix(mail["Message-ID"], ARMONIA))
    await loop.tell()
    await stack.until(lambda: of_step(journey, "channel"), lambda step: step["blocker"])
    await stack.call("POST", f"/onboardings/{journey.id}/hold", json={"reason": "The clinic moves."})
    async with stack.database.transaction() as session:
        await session.execute(text("UPDATE providers SET email = :new"), {"new": NEW})
    assert await loop.correct() == 0
    await stack.call("POST", f"/onboardings/{journey.id}/resume", json={"reason": "It has moved."})
    assert await loop.correct() == 1
    await stack.mail_to(NEW)


async def test_an_onboarding_that_is_over_is_not_told_and_gets_nothing_more(stack: Stack) -> None:
    journey, loop = await asked_for_the_channel(stack), loop_of(stack)
    mail = await journey.newest_mail("channel")
    await take(stack.database, written.postfix(mail["Message-ID"], ARMONIA))
    handle = stack.temporal.client.get_workflow_handle(onboarding_workflow_id(journey.id))
    await handle.terminate("an operator's reason")
    assert await loop.tell() == 1
    (found,) = await marks(stack.database)
    assert found.row.told_at is not None
    await Relay(stack.settings, stack.database, stack.temporal).compare()
    async with stack.database.transaction() as session:
        await session.execute(text("UPDATE providers SET email = :new"), {"new": NEW})
    assert (await journey.see())["status"] == "failed"
    assert await loop.correct() == 1, "the mark is lifted"
    assert stack.mails.to(NEW) == []


async def test_a_mark_stays_while_the_step_sends_nothing_and_goes_when_it_is_done(stack: Stack) -> None:
    """The step waits for another role by now; nothing is sent, so nothing is mended."""
    journey, loop = await asked_for_the_channel(stack), loop_of(stack)
    mail = await journey.newest_mail("channel")
    await take(stack.database, written.postfix(mail["Message-ID"], ARMONIA))
    await loop.tell()
    await stack.until(lambda: of_step(journey, "channel"), lambda step: step["blocker"])
    async with stack.database.transaction() as session:
        await session.execute(text("UPDATE bounces SET role = 'technical'"))
        await session.execute(text("UPDATE bounces SET address = 'gone@partner.example'"))
    sent = len(stack.mails.all())
    assert await loop.correct() == 0
    (found,) = await marks(stack.database)
    assert (found.row.resolved_at, len(stack.mails.all())) == (None, sent)
    await journey.prepare()
    await stack.step(journey.id, "channel", "done")
    assert await loop.correct() == 1
    assert len(stack.mails.to(ARMONIA)) == 1


async def test_a_cancellation_that_came_back_stays_marked_until_the_address_is_corrected(
    stack: Stack,
) -> None:
    journey, loop = await asked_for_the_channel(stack), loop_of(stack)
    await stack.call("POST", f"/onboardings/{journey.id}/cancel", json={"reason": "They gave it up."})
    await stack.mail_to(ARMONIA, 2)

    async def told() -> Any:
        mails = (await stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"]
        return [one for one in mails if one["template"] == "cancelled" and one["state"] == "sent"]

    await stack.until(told, bool)
    await take(stack.database, written.postfix(stack.mails.to(ARMONIA)[-1]["Message-ID"], ARMONIA))
    await loop.tell()
    assert await loop.correct() == 0
    (item,) = (await stack.call("GET", "/bounces?unresolved=true"))["items"]
    assert (item["step"], item["is_sent_again"]) == ("", False)
    page = (await stack.http.get(f"/onboardings/{journey.id}")).text
    assert "This message is not sent again" in page
    async with stack.database.transaction() as session:
        await session.execute(text("UPDATE providers SET email = :new"), {"new": NEW})
    assert await loop.correct() == 1
    assert (await stack.call("GET", "/bounces?unresolved=true"))["items"] == []
    assert stack.mails.to(NEW) == []


async def test_what_is_no_report_is_marked_as_read_and_kept(idle_stack: Stack) -> None:
    deliver(idle_stack, written.auto_reply(), "1.M1.mail")
    deliver(idle_stack, written.postfix("<somebody@else.example>"), "2.M1.mail")
    folder = idle_stack.settings.bounces_maildir
    assert folder is not None
    (folder / "new" / "2.M1.mail").rename(folder / "cur" / "2.M1.mail:2,F")
    assert await loop_of(idle_stack).read() == 0
    assert files(idle_stack) == ["cur/1.M1.mail:2,S", "cur/2.M1.mail:2,FS"]
    assert (folder / "cur" / "1.M1.mail:2,S").read_bytes() == written.auto_reply()


async def test_a_mail_server_that_pipes_reports_over_http(stack: Stack) -> None:
    journey = await asked_for_the_channel(stack)
    mail = await journey.newest_mail("channel")

    async def report(content: bytes) -> Any:
        headers = {"content-type": "message/rfc822"}
        return await stack.call("POST", "/bounces", 200, content=content, headers=headers)

    taken = await report(written.exchange(mail["Message-ID"], ARMONIA))
    (item,) = taken["items"]
    assert taken["verdict"] == "taken"
    assert (item["address"], item["status"], item["resolved_at"]) == (ARMONIA, "5.1.10", None)
    assert (item["onboarding"], item["provider"], item["role"]) == (journey.id, journey.provider, "provider")
    assert await report(written.exchange(mail["Message-ID"], ARMONIA)) == taken
    assert await report(written.postfix("<x@y.example>")) == {"verdict": "not_ours", "items": []}
    assert await report(written.auto_reply()) == {"verdict": "not_a_bounce", "items": []}

    for chosen in ("", "?unresolved=true", f"?onboarding={journey.id}", f"?provider={journey.provider}"):
        assert (await stack.call("GET", f"/bounces{chosen}"))["items"] == [item]
    for chosen in ("?onboarding=onb_x", "?provider=prv_x"):
        assert (await stack.call("GET", f"/bounces{chosen}"))["items"] == []


async def test_the_page_names_the_address_and_what_the_server_said(stack: Stack) -> None:
    journey = await asked_for_the_channel(stack)
    mail = await journey.newest_mail("channel")
    await take(stack.database, written.postfix(mail["Message-ID"], ARMONIA))
    page = (await stack.http.get(f"/onboardings/{journey.id}")).text
    assert f"Mail to {ARMONIA} came back on" in page
    assert "User unknown" in page
    assert "Came back" in page


async def test_a_provider_sees_its_own_marks_only(stack: Stack) -> None:
    journey = await asked_for_the_channel(stack)
    mail = await journey.newest_mail("channel")
    await take(stack.database, written.postfix(mail["Message-ID"], ARMONIA))
    async with stack.database.transaction() as session:
        keys = [
            await create_api_key(session, "clinic", "provider", provider)
            for provider in (journey.provider, (await _another(stack)))
        ]
    counts = []
    for key in keys:
        answer = await stack.anybody.get("/api/v1/bounces", headers={"authorization": f"Bearer {key}"})
        counts.append(len(answer.json()["items"]))
    assert counts == [1, 0]


async def _another(stack: Stack) -> str:
    clinic = {"name": "Alta", "email": "a@alta.example", "locale": "ro", "time_zone": "Europe/Bucharest"}
    return str((await stack.call("POST", "/providers", json=clinic))["id"])
