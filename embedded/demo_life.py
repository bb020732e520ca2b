"""What the demo does after the activation, stage by stage (R14–R17).

A stage is over when Racord and the call centre both have what they ought to, and what else it asks of Racord holds.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from embedded.demo_connection import Connection, tell

PATIENCE = 60.0
LOOK_AGAIN_AFTER = 0.1
TOLD_OF_THE_END = 3  # provider, support, partner
NEW = ("HOLT", "Holter EKG 24 h", 40, "320.00")


@dataclass(frozen=True)
class Stage:
    """``holds`` is asked of Racord beside the offers; ``is_answered``: the partner's people read their mail."""

    title: str
    does: Callable[[Connection], None]
    holds: Callable[[Connection], bool] = lambda _: True
    is_answered: bool = True
    told: Callable[[Connection], str] = lambda one: f"its call centre sees {len(one.theirs)} examinations"

    def is_over(self, one: Connection) -> bool:
        return self.holds(one) and not one.differences()


def _activated(one: Connection) -> None:
    one.says(f"{one.partner}: what was tested goes to its system")
    one.start()


def _price(one: Connection) -> None:
    way = "is pushed" if one.centre.takes_prices else "goes out as a notice by e-mail (R16)"
    one.says(f"{one.partner}: CARD costs 275.00 from now on; the change {way}")
    one.change_price("CARD", "275.00")


def _duration(one: Connection) -> None:
    one.says(f"{one.partner}: ECO takes 35 minutes from now on; the change is pushed (R15)")
    one.change_duration("ECO", 35)


def _new(one: Connection) -> None:
    code, name, *_ = NEW
    one.says(f"{one.partner}: {code}, {name}, is ticked; partner and support get a notice (R14)")
    one.add_examination(*NEW)


def _announced(one: Connection) -> bool:
    waits = any(notice["state"] == "sent" and notice["kind"] == "new_services" for notice in one.notices)
    return waits and one.seen["waiting_on"] == "partner"


def _admitted(one: Connection) -> None:
    code, _, minutes, amount = NEW
    one.expect({code: (minutes, amount)})


def _outage(one: Connection) -> None:
    one.says(f"{one.partner}: its system is down, and EKG takes 20 minutes from now on")
    one.centre.goes_down()
    one.change_duration("EKG", 20, unheard=True)


def _waits(one: Connection) -> bool:
    delivery = one.seen["delivery"]
    return bool(delivery and delivery["verdict"] == "later" and one.seen["waiting_on"] == "partner")


def _back(one: Connection) -> None:
    one.says(f"{one.partner}: its system is back; the next try comes by itself")
    one.centre.comes_back()
    one.expect()


def _deletion(one: Connection) -> None:
    one.says(f"{one.partner}: DERM is deleted; that withdraws it (R17)")
    one.delete("DERM")


def _end(one: Connection) -> None:
    one.says(f"{one.partner}: the permission is taken away; that ends the connection (R17)")
    one.disable()


def _ended(one: Connection) -> bool:
    proof = one.seen["proof"]
    if one.seen["status"] != "ended" or not proof["known"] or proof["held"]:
        return False
    return len(_told(one)) == TOLD_OF_THE_END


def _farewell(one: Connection) -> str:
    return f"it holds nothing any more, as it says itself; told of the end: {', '.join(_told(one))}"


def _told(one: Connection) -> list[str]:
    return [str(mail["To"]) for mail in one.desk.mails(one.walk.id, "ended")]


def _seen(one: Connection, code: str) -> str:
    return f"its call centre sees {code}: {tell(one.theirs.get(code))}"


STAGES = (
    Stage("Activated", _activated),
    Stage("A price changes", _price, told=lambda one: _seen(one, "CARD")),
    Stage("A duration changes", _duration, told=lambda one: _seen(one, "ECO")),
    Stage(
        "A new examination",
        _new,
        _announced,
        is_answered=False,
        told=lambda one: f"{NEW[0]} waits on the {one.seen['waiting_on']}; {_seen(one, NEW[0])}",
    ),
    Stage(
        "… confirmed by link",
        _admitted,
        told=lambda one: _seen(one, NEW[0]),
    ),
    Stage(
        "The system is down",
        _outage,
        _waits,
        told=lambda one: (
            f"the change waits on the {one.seen['waiting_on']} ({one.seen['delivery']['answer']})"
        ),
    ),
    Stage("… and back", _back, told=lambda one: _seen(one, "EKG")),
    Stage("A deletion", _deletion, told=lambda one: _seen(one, "DERM")),
    Stage("The end", _end, _ended, told=_farewell),
)


@dataclass
class Life:
    """All connections go through the stages together; ``done`` counts, for each, the stages that are over."""

    connections: Sequence[Connection]
    done: list[int]
    says: Callable[[str], None]
    shows: Callable[[], None]

    def live(self) -> Stage | None:
        """The stage that was not over in time; None where all were. No partner is left down."""
        with ExitStack() as tidy:
            for one in self.connections:
                one.centre.comes_back()
                tidy.callback(one.centre.comes_back)
                one.look()
            return next((stage for stage in STAGES if not self._all_through(stage)), None)

    def _all_through(self, stage: Stage) -> bool:
        number = STAGES.index(stage)
        for one in self.connections:
            stage.does(one)
        deadline = time.monotonic() + PATIENCE
        while waits := [place for place, done in enumerate(self.done) if done == number]:
            moved = [self._is_over(stage, place) for place in waits]
            self.shows()
            if not any(moved):
                if time.monotonic() > deadline:
                    return False
                time.sleep(LOOK_AGAIN_AFTER)
        return True

    def _is_over(self, stage: Stage, place: int) -> bool:
        one = self.connections[place]
        one.look()
        if stage.is_answered:
            one.answer_mail()
        if not stage.is_over(one):
            return False
        self.done[place] += 1
        self.says(f"{one.partner}: {stage.told(one)}")
        return True
