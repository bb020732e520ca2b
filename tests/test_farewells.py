"""Whoever could not be told that a connection ended is not forgotten: somebody must act, after the end too (R17)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from adapters.bounces import Bounces
from adapters.database import connections
from adapters.database.session import Database
from adapters.mail.render import TEMPLATES
from adapters.playbooks import Playbooks, load_playbooks
from adapters.settings import Settings
from adapters.temporal import Temporal
from domain.connection import ConnectionEvent
from tests import delivery_reports as written
from tests.catalogue_client import serving
from tests.connection_client import Line
from tests.connections import CLINIC, go_live, go_live_again, packaged
from tests.notice_desk import PARTNER, SUPPORT, Desk
from tests.stack import settings_for
from tests.test_bounce_marks import NEW, marks, take
from tests.test_mail_server import MailServer

NO = "550 5.1.1 No such mailbox"
UNTOLD = ("farewell", "us", "Not everybody could be told of the end")


@dataclass
class Ended:
    """A connection to Global Assistance that ended, before anybody was told."""

    desk: Desk
    here: Line

    async def tell(self) -> list[str]:
        """What became of the letters, as the workflow sends them."""
        return [(await self.desk.say_farewell(to)).state for to in ("provider", "partner", "support")]

    async def tasks(self) -> list[tuple[str, str, str]]:
        found = (await self.here.api.call("GET", "/tasks"))["items"]
        return [(one["step"], one["waiting_on"], one["title"]) for one in found]

    async def stands(self) -> tuple[int, str | None, list[str]]:
        """How many were not told, whose move it is, and what can be done."""
        seen = await self.here.see()
        return seen["untold"], seen["waiting_on"], [one["name"] for one in seen["actions"]]

    async def comes_back(self) -> None:
        """A report says that the first letter to the partner could not be delivered."""
        sent = next(mail for mail in await self.desk.mails() if mail.order_key == "ended:partnerships")
        await take(self.desk.live.database, written.postfix(sent.message_id, PARTNER))

    async def has_workflow(self) -> bool:
        async with self.desk.live.database.transaction() as session:
            return self.desk.live.connection_id in [one.id for one in await connections.alive(session)]


@pytest.fixture
async def ended(database: Database, postgres_url: str) -> AsyncIterator[Ended]:
    playbook = packaged("global-assistance")
    async with (
        MailServer().serving() as server,
        serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as api,
    ):
        live = await go_live(database, playbook.slug)
        here = Line(live, api)
        channel = f"/providers/{live.provider_id}/channels/{playbook.slug}"
        await api.call("PATCH", channel, {"enabled": False})
        await here.end()
        yield Ended(Desk(live, server, playbook), here)


async def test_whom_a_mail_server_refused_is_told_again_and_nobody_else(ended: Ended) -> None:
    ended.desk.server.answers[PARTNER] = NO
    assert await ended.tell() == ["sent", "refused", "sent"]
    assert await ended.tasks() == [UNTOLD]
    assert await ended.stands() == (1, "us", ["tell-again", "told"])
    (trouble,) = await ended.desk.events(ConnectionEvent.FAREWELL_TROUBLE)
    assert (trouble["to"], NO in trouble["detail"]) == (PARTNER, True)
    assert not await ended.has_workflow()

    ended.desk.server.answers.clear()
    await ended.here.do("tell-again", {})
    assert (await ended.stands(), await ended.tasks()) == ((0, None, []), [])
    assert await ended.has_workflow(), "it sends the letter"
    assert await ended.tell() == ["sent", "sent", "sent"]
    assert [one.rcpt_tos for one in ended.desk.server.taken] == [[CLINIC], [SUPPORT], [PARTNER]]
    assert not await ended.has_workflow()
    assert (await ended.here.do("tell-again", {}, 409))["code"] == "connection-state"


async def test_who_is_refused_once_more_waits_on_us_once_more(ended: Ended) -> None:
    ended.desk.server.answers[PARTNER] = NO
    await ended.tell()
    await ended.here.do("tell-again", {})
    assert await ended.tell() == ["sent", "refused", "sent"]
    assert (await ended.tasks(), (await ended.stands())[0]) == ([UNTOLD], 1)
    assert len(await ended.desk.events(ConnectionEvent.FAREWELL_TROUBLE)) == 2


async def test_who_is_at_the_old_address_is_told_again_though_another_gets_the_notices_by_now(
    ended: Ended,
) -> None:
    ended.desk.server.answers[PARTNER] = NO
    await ended.tell()
    await ended.here.do("tell-again", {})
    ended.desk.server.answers.clear()
    sync = ended.desk.playbook.sync.model_copy(update={"notices_to": "technical"})
    ended.desk.playbook = ended.desk.playbook.model_copy(update={"sync": sync})
    await ended.tell()
    assert ended.desk.server.taken[-1].rcpt_tos == [PARTNER]
    assert not await ended.has_workflow()


async def test_who_knows_it_by_another_way_is_not_waited_for(ended: Ended) -> None:
    ended.desk.server.answers[PARTNER] = NO
    await ended.tell()
    await ended.here.do("told", {"reason": "We called Ștefan."})
    assert (await ended.stands(), await ended.tasks()) == ((0, None, []), [])
    said = (await ended.here.see("/events"))["items"][0]
    assert (said["type"], said["actor"]["name"]) == ("farewell.told", "Ana Manager")
    assert said["data"] == {"role": "partnerships", "to": PARTNER, "reason": "We called Ștefan."}
    assert not await ended.has_workflow()
    assert (await ended.here.do("told", {"reason": "Once more."}, 409))["code"] == "connection-state"


async def test_what_comes_back_later_goes_to_the_corrected_address_by_itself(
    ended: Ended, settings: Settings, temporal: Temporal
) -> None:
    await ended.tell()
    database = ended.desk.live.database
    await ended.comes_back()
    assert await ended.tasks() == [UNTOLD]
    (found,) = await marks(database)
    assert found.is_sent_again

    assert await corrected(ended, settings, temporal) == 1
    assert (await ended.tasks(), await ended.has_workflow()) == ([], True)
    await ended.tell()
    assert ended.desk.server.taken[-1].rcpt_tos == [NEW]


async def corrected(ended: Ended, settings: Settings, temporal: Temporal) -> int:
    """The partner's address is another one from now on; of how many letters that had come back to it."""
    known = load_playbooks(settings.partners_dir, TEMPLATES)
    contacts: dict[str, Any] = dict(ended.desk.playbook.contacts)
    contacts["partnerships"] = contacts["partnerships"].model_copy(update={"email": NEW})
    ended.desk.playbook = ended.desk.playbook.model_copy(update={"contacts": contacts})
    playbooks = Playbooks([ended.desk.playbook], known.declarations)
    return await Bounces(settings, ended.desk.live.database, temporal, playbooks).correct()


async def test_a_corrected_address_has_nobody_else_written_to_at_a_dead_one(
    ended: Ended, settings: Settings, temporal: Temporal
) -> None:
    ended.desk.server.answers[CLINIC] = NO
    await ended.tell()
    await ended.comes_back()
    assert (await ended.stands())[0] == 2
    await corrected(ended, settings, temporal)
    assert await ended.tell() == ["refused", "sent", "sent"]
    assert ended.desk.server.taken[-1].rcpt_tos == [NEW]
    assert [one.order_key for one in await ended.desk.mails() if "provider" in one.order_key] == [
        "ended:provider"
    ]
    assert (await ended.stands())[0] == 1


async def test_a_corrected_address_hears_of_no_end_of_a_channel_that_is_live_again(
    ended: Ended, settings: Settings, temporal: Temporal
) -> None:
    await ended.tell()
    await ended.comes_back()
    await go_live_again(ended.desk.live)
    assert await corrected(ended, settings, temporal) == 0
    assert not await ended.has_workflow()
    assert await ended.tasks() == [UNTOLD]
    (mark,) = await marks(ended.desk.live.database)
    assert mark.row.resolved_at is None, "nobody was written to"
    await ended.here.do("told", {"reason": "We called."})
    assert await corrected(ended, settings, temporal) == 1


async def test_to_tell_one_party_again_writes_to_no_further_role_at_the_partner(ended: Ended) -> None:
    ended.desk.server.answers[CLINIC] = NO
    await ended.tell()
    ended.desk.server.answers.clear()
    sync = ended.desk.playbook.sync.model_copy(update={"notices_to": "technical"})
    ended.desk.playbook = ended.desk.playbook.model_copy(update={"sync": sync})
    await ended.here.do("tell-again", {})
    assert await ended.tell() == ["sent", "sent", "sent"]
    assert [one.rcpt_tos for one in ended.desk.server.taken] == [[PARTNER], [SUPPORT], [CLINIC]]


async def test_that_an_earlier_letter_came_back_is_no_task_where_a_later_one_went_out(ended: Ended) -> None:
    await ended.tell()
    async with ended.desk.live.database.transaction() as session:
        await session.execute(
            text("UPDATE mails SET state = 'unknown' WHERE order_key = 'ended:partnerships'")
        )
    await ended.here.do("tell-again", {})
    assert await ended.tell() == ["sent", "sent", "sent"]
    await ended.comes_back()
    assert (await ended.tasks(), (await ended.stands())[0]) == ([], 0)
    assert not await ended.desk.events(ConnectionEvent.FAREWELL_TROUBLE)


async def test_the_history_names_whoever_is_said_to_know(ended: Ended) -> None:
    ended.desk.server.answers |= {CLINIC: NO, PARTNER: NO}
    await ended.tell()
    await ended.here.do("told", {"reason": "We called both."})
    told = await ended.desk.events(ConnectionEvent.FAREWELL_TOLD)
    assert [(one["role"], one["to"]) for one in told] == [("provider", CLINIC), ("partnerships", PARTNER)]
    await ended.comes_back()
    assert await ended.tasks() == [], "they know, whatever comes back"
