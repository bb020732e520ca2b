"""What a change would lead to, and what it did to a joint test, in words on the pages (R12)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.database.tables import EventRow
from adapters.settings import Settings
from api.pages import history
from api.pages.differences import changes
from api.pages.previews import has_dry_run
from domain.model import LANGUAGES
from embedded.temporal import TemporalServer
from tests.playbooks import Walk
from tests.stack import Mails, Stack, settings_for
from tests.test_journey import Journey
from tests.visitor import Visitor, sign_in, visiting


@pytest.fixture
def settings(postgres_url: str, temporal_server: TemporalServer, mails: Mails) -> Settings:
    return settings_for(postgres_url, temporal_server.address, mails.port, mail_dir=mails.folder)


@pytest.fixture
async def ana(idle_stack: Stack) -> AsyncIterator[Visitor]:
    """An account manager, signed in."""
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor)
        yield visitor


async def test_the_calls_that_can_be_previewed_are_those_with_a_dry_run(idle_stack: Stack) -> None:
    app, channel = idle_stack.app, "/api/v1/providers/prv_1/channels/generali"
    assert has_dry_run(app, "PATCH", channel)
    assert has_dry_run(app, "PUT", f"{channel}/prices")
    assert has_dry_run(app, "PUT", f"{channel}/published")
    assert has_dry_run(app, "PUT", "/api/v1/providers/prv_1/calendars/cal_1")
    assert not has_dry_run(app, "POST", f"{channel}/consent")
    assert not has_dry_run(app, "POST", "/api/v1/onboardings/onb_1/steps/contract/complete")
    assert not has_dry_run(app, "PUT", "/nowhere")


async def test_a_voided_joint_test_says_on_the_page_what_is_not_as_it_was_tested(
    stack: Stack, ana: Visitor
) -> None:  # R12
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    await journey.answer(await journey.newest_mail("settings"))
    await journey.test_together()
    await journey.newest_mail("activation")
    first = journey.services[0]
    await stack.call(
        "PATCH", f"/providers/{journey.provider}/services/{first}", json={"duration_minutes": 55}
    )
    await stack.step(journey.id, "joint_test", "stale")
    page = await ana.see(f"/onboardings/{journey.id}")
    card = page.partition('id="voided-joint_test"')[2]
    assert "Earlier answers no longer count" in card
    assert "Attempt 1" in card
    line = "Duration of CARD Consultație cardiologie: 30 → 55 minutes"
    assert page.count(line) == 2, "at the step and in the history"
    assert "“Joint test” is to be done again" in page
    assert "step.voided" not in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_voided_test_is_told_in_words_in_every_language(language: str) -> None:
    walk = Walk().to("activation")
    data: dict[str, Any] = {"attempt": 1, "difference": {"totals": {"price": 60}, "listed": []}}
    events = [
        EventRow(
            at=datetime(2026, 3, 2, tzinfo=UTC),
            type=type,
            step="joint_test",
            revision=3,
            actor={},
            data=more,
        )
        for type, more in (("step.voided", data), ("step.stale", {"waiting_on": "partner", "attempt": 2}))
    ]
    lines = history.lines(events, walk.case, language)
    assert not any("step." in line.text or "{" in line.text for line in lines)
    assert not any(line.quiet for line in lines)


def test_a_difference_is_told_line_by_line_and_what_is_not_listed_is_counted() -> None:  # R12
    service = {"service_id": "srv_1", "code": "ECO", "name": "Ecografie"}
    found = changes(
        {
            "totals": {"disabled": 1, "service_removed": 1, "price": 3},
            "listed": [
                {"what": "disabled"},
                {"what": "service_removed", "service_id": "srv_0"},
                {"what": "price", **service, "old": "120.00 RON", "new": "130.50 RON"},
                {"what": "price", **service, "old": "120.00 RON"},
            ],
        },
        "en",
    )
    assert found is not None
    assert [line.replace("\u00a0", " ") for line in found.lines] == [
        "The channel: enabled → disabled",
        "No longer ticked: srv_0",
        "Price of ECO Ecografie: 120.00 RON → 130.50 RON",
        "Price of ECO Ecografie: 120.00 RON → none",
    ]
    assert found.more == 1
    assert changes(None, "en") is None
