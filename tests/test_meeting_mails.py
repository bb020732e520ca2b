"""The meeting of a joint test over HTTP, pages and mail, on real parts (R12)."""

from email.message import EmailMessage
from typing import Any

from adapters.mail.message import Invitation
from tests.stack import Stack, link_in, text_of
from tests.test_invitation import CalendarStore
from tests.test_journey import Journey

CLINIC, TESTERS = "contact@armonia.example", "testare@global-assistance.example"
DESK = "suport@programari.example"


async def at_the_test(stack: Stack) -> Journey:
    journey = await Journey(stack, "global-assistance").begin()
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    await journey.answer(await journey.newest_mail("settings"))
    await stack.step(journey.id, "joint_test", "waiting")
    return journey


async def step_of(journey: Journey) -> Any:
    return next(one for one in (await journey.see())["steps"] if one["key"] == "joint_test")


async def came(journey: Journey, address: str, count: int) -> list[EmailMessage]:
    """What was sent to an address about the meeting, once there are so many."""

    async def look() -> list[EmailMessage]:
        ids = {row["message_id"] for row in await journey.meeting_mails()}
        return [mail for mail in journey.stack.mails.to(address) if mail["Message-ID"] in ids]

    found: list[EmailMessage] = await journey.stack.until(look, lambda seen: len(seen) >= count)
    return found


def invitation_in(mail: EmailMessage) -> Invitation:
    (entry,) = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    content = entry.get_payload(decode=True)
    assert isinstance(content, bytes)
    return Invitation(method=entry["content-type"].params["method"], content=content)


def path(journey: Journey, action: str) -> str:
    return f"/onboardings/{journey.id}/steps/joint_test/{action}"


async def test_a_meeting_is_arranged_moved_and_cancelled_in_every_calendar(stack: Stack) -> None:
    journey = await at_the_test(stack)
    assert (await step_of(journey))["waiting_on"] == "us"
    times = (await stack.call("GET", path(journey, "meeting-times")))["items"]
    await journey.arrange_meeting()
    seen = await step_of(journey)
    assert (seen["waiting_on"], seen["meeting"]["sequence"]) == ("provider", 0)
    assert seen["meeting"]["starts_at"] == times[0]["starts_at"]
    moved = {"starts_at": times[1]["starts_at"], "place": "Room 2", "minutes": 30}
    refused = await stack.call("POST", path(journey, "arrange_meeting"), expect=422, json=moved)
    assert [error["field"] for error in refused["errors"]] == ["reason"]
    await stack.call(
        "POST", path(journey, "arrange_meeting"), json={**moved, "reason": "The tester is away."}
    )
    await stack.until(journey.meeting_mails, lambda sent: len(sent) >= 6)
    await stack.call("POST", path(journey, "cancel_meeting"), json={"reason": "The tester is ill."})
    await stack.until(journey.meeting_mails, lambda sent: len(sent) >= 9)
    for address in (CLINIC, TESTERS, DESK):
        store, sequences = CalendarStore(), []
        for mail in await came(journey, address, 3):
            store.take(invitation_in(mail))
            sequences.append([str(one.sequence.value) for one in store.entries.values()])
            assert mail.get_all("X-Envelope-To", []) == [address]
        assert sequences == [["0"], ["1"], []]
    asked = stack.mails.to(TESTERS)[0]
    assert all(mail["References"] == asked["Message-ID"] for mail in await came(journey, TESTERS, 3))
    assert (await step_of(journey))["waiting_on"] == "us"


async def test_a_time_that_does_not_suit_is_refused_with_two_that_do_unless_both_agreed(
    stack: Stack,
) -> None:
    journey = await at_the_test(stack)
    first = (await stack.call("GET", path(journey, "meeting-times")))["items"][0]["local"]["provider"]
    night = {"starts_at": f"{first[:10]}T22:00", "place": "Room 2"}
    refused = await stack.call("POST", path(journey, "arrange_meeting"), expect=422, json=night)
    assert f"{first[:10]} 22:00 (Europe/Bucharest)" in refused["detail"]
    assert f"{first[:10]} 09:00 (Europe/Bucharest) or " in refused["mend"]
    agreed = {**night, "outside_hours": True}
    await stack.call("POST", path(journey, "arrange_meeting"), json=agreed)
    assert (await step_of(journey))["meeting"]["local"]["provider"][:16] == f"{first[:10]}T22:00"


async def test_who_is_not_to_meet_gets_no_times(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    refused = await stack.call("GET", path(journey, "meeting-times"), expect=404)
    assert "has no meeting" in refused["detail"]


async def test_a_failed_test_shows_who_said_so_and_why_and_leads_to_another_meeting(
    stack: Stack,
) -> None:
    journey = await at_the_test(stack)
    await journey.arrange_meeting()
    asked = next(mail for mail in await journey.mails_of("joint_test", 2) if TESTERS in mail["To"])
    link = link_in(asked)
    shown = (await stack.anybody.get(link, headers={"accept": "application/json"})).json()
    results = dict.fromkeys(shown["actions"][0]["schema"]["$defs"]["Scenarios"]["properties"], "passed")
    await journey.answer(
        asked, scenarios={**results, "test_booking": "failed"}, note="The booking never came."
    )
    seen = await step_of(journey)
    assert (seen["attempt"], seen["waiting_on"], seen["meeting"]["stands"]) == (2, "us", False)
    (failure,) = seen["failures"]
    assert (failure["attempt"], failure["by"], failure["party"]) == (1, "Mihai Pop", "partner")
    assert (len(failure["scenarios"]), failure["reason"]) == (1, "The booking never came.")
    page = (await stack.http.get(f"/onboardings/{journey.id}", headers={"accept": "text/html"})).text
    assert "The booking never came." in page
    assert "called it failed" in page
    choice = next(
        action["schema"]["properties"]["starts_at"]["x-choices"][0]
        for action in seen["actions"]
        if action["name"] == "arrange_meeting"
    )
    assert f'type="radio" name="starts_at" value="{choice["const"]}"' in page
    form = {"_step": "joint_test", "_action": "arrange_meeting", "starts_at": choice["const"]}
    sent = await stack.http.post(f"/onboardings/{journey.id}/act", data={**form, "place": "Room 3"})
    assert sent.status_code == 303, sent.text
    again = await step_of(journey)
    assert (again["waiting_on"], again["meeting"]["stands"]) == ("provider", True)
    newest = (await came(journey, TESTERS, 2))[-1]
    said = " ".join(text_of(newest).replace("> ", "").split())
    assert "calendarul furnizorului: The booking never came." in said
    assert "test_booking" not in said
    assert "Room 3" in text_of(newest)


async def test_a_meeting_to_come_is_cancelled_with_the_onboarding(stack: Stack) -> None:
    journey = await at_the_test(stack)
    await journey.arrange_meeting()
    store = CalendarStore()
    for mail in await came(journey, CLINIC, 1):
        store.take(invitation_in(mail))
    assert len(store.entries) == 1
    await _stands_also_while_its_step_must_wait(journey)
    offered = {one["name"]: one["schema"]["properties"]["reason"] for one in (await journey.see())["actions"]}
    assert offered["cancel"]["description"] == "Provider and partner read this."
    assert "description" not in offered["hold"]
    await stack.call("POST", f"/onboardings/{journey.id}/cancel", json={"reason": "No contract any more."})

    async def look() -> list[Any]:
        ledger = (await stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"]
        return [
            row["message_id"]
            for row in ledger
            if row["template"] == "cancelled" and row["state"] == "sent" and row["to"][0]["email"] == CLINIC
        ]

    (told,) = await stack.until(look, bool)
    mail = next(mail for mail in stack.mails.all() if mail["Message-ID"] == told)
    assert "No contract any more." in text_of(mail)
    store.take(invitation_in(mail))
    assert store.entries == {}


async def _stands_also_while_its_step_must_wait(journey: Journey) -> None:
    """The preview of a reopening says so, in both forms; then the step shows it, and it can be called off."""
    http, page = journey.stack.http, {"accept": "text/html"}
    path, meeting = f"/onboardings/{journey.id}/steps/settings/reopen", (await step_of(journey))["meeting"]
    preview = await journey.stack.call("POST", path, params={"dry_run": True})
    kept = {"step": "joint_test", "starts_at": meeting["starts_at"], "place": meeting["place"]}
    assert preview["meetings"] == [kept]
    shown = (await http.get(f"/onboardings/{journey.id}", headers=page)).text
    assert "move it before, or call it off" in shown
    await journey.stack.call("POST", path, json={"reason": "Another system."})
    pending = await step_of(journey)
    assert (pending["waiting_on"], pending["meeting"]) == (None, meeting)
    assert [one["name"] for one in pending["actions"]] == ["cancel_meeting"]
    shown = (await http.get(f"/onboardings/{journey.id}", headers=page)).text
    assert '<details id="details-joint_test" open>' in shown
