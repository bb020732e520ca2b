"""What the partners of a sandbox hold and have seen, in a file that outlives kill -9."""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedded.sandbox.behaviour import Behaviour, Mode
from embedded.sandbox.holding import Delivery, Holding, Price, is_old, take

SCHEMA = """
CREATE TABLE IF NOT EXISTS behaviour (partner TEXT PRIMARY KEY, told TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holdings (
    partner TEXT, connection TEXT, holding TEXT NOT NULL, PRIMARY KEY (partner, connection));
CREATE TABLE IF NOT EXISTS typed_prices (
    partner TEXT, connection TEXT, code TEXT, price TEXT NOT NULL, PRIMARY KEY (partner, connection, code));
CREATE TABLE IF NOT EXISTS deliveries (
    position INTEGER PRIMARY KEY, partner TEXT NOT NULL, id TEXT NOT NULL, connection TEXT NOT NULL,
    type TEXT NOT NULL, sequence INTEGER NOT NULL, content TEXT NOT NULL, first_at TEXT NOT NULL,
    last_at TEXT NOT NULL, tries INTEGER NOT NULL, contradicted INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL, answered TEXT NOT NULL, answer TEXT, UNIQUE (partner, id));
CREATE INDEX IF NOT EXISTS deliveries_of_connection ON deliveries (partner, connection, position);
"""
_LOG = """
SELECT id, connection, type, sequence, first_at, last_at, tries, contradicted, outcome, answered, answer
FROM deliveries WHERE partner = ? AND connection = coalesce(?, connection) ORDER BY position DESC LIMIT ?
"""
_FORGET = (
    "DELETE FROM holdings WHERE partner = ? AND connection = coalesce(?, connection)",
    "DELETE FROM typed_prices WHERE partner = ? AND connection = coalesce(?, connection)",
    "UPDATE deliveries SET answer = NULL, outcome = 'forgotten' WHERE partner = ? AND connection = coalesce(?, connection)",
)
_SEEN = """
INSERT INTO deliveries (partner, id, connection, type, sequence, content, first_at, last_at, tries, outcome, answered)
VALUES (:partner, :id, :connection, :type, :sequence, :content, :at, :at, 1, 'not taken', :answered)
ON CONFLICT (partner, id) DO UPDATE SET tries = tries + 1, last_at = :at, answered = :answered,
    contradicted = contradicted + (content <> :content)
RETURNING answer
"""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Received:
    """How the partner behaves towards one delivery, and its true answer where it took it."""

    behaviour: Behaviour
    answer: dict[str, Any] | None


class State:
    """Every partner's, in `FOLDER/state.sqlite3`; one process writes, its threads take turns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._turn = threading.Lock()
        self._file = sqlite3.connect(
            folder / "state.sqlite3", timeout=30, isolation_level=None, check_same_thread=False
        )
        self._file.row_factory = sqlite3.Row
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.executescript(SCHEMA)

    def close(self) -> None:
        with self._turn:
            self._file.close()

    def receive(self, partner: str, webhook_id: str, delivery: Delivery) -> Received:
        """Note the try, and take the delivery if the partner does and did not before; all or nothing."""
        data, at = delivery.data, _now()
        with self._transaction() as file:
            behaviour = _behaviour(file, partner)
            if behaviour.after_one() != behaviour:
                _behave(file, partner, behaviour.after_one())
            seen = {
                "partner": partner,
                "id": webhook_id,
                "connection": data.connection,
                "type": delivery.type,
                "sequence": data.sequence,
                "content": _digest(delivery),
                "at": at,
                "answered": behaviour.answered,
            }
            known = file.execute(_SEEN, seen).fetchone()["answer"]
            if known is not None:
                return Received(behaviour, json.loads(known))
            answer = _taken(file, partner, webhook_id, delivery, behaviour, at) if behaviour.takes else None
            return Received(behaviour, answer)

    def holding(self, partner: str, connection: str) -> Holding | None:
        with self._transaction() as file:
            return _holding(file, partner, connection)

    def holdings(self, partner: str) -> dict[str, Holding]:
        """By connection, the provider's name deciding the order."""
        with self._transaction() as file:
            found = _holdings(file, partner)
        return dict(sorted(found.items(), key=lambda one: (one[1].provider.name.casefold(), one[0])))

    def typed_prices(self, partner: str, connection: str) -> dict[str, Price]:
        """What the partner's clerk typed in, by the service's code."""
        sql = "SELECT code, price FROM typed_prices WHERE partner = ? AND connection = ? ORDER BY code"
        return {
            row["code"]: Price.model_validate_json(row["price"])
            for row in self._rows(sql, partner, connection)
        }

    def deliveries(self, partner: str, connection: str | None = None, last: int | None = None) -> list[Row]:
        """In the order in which they first came; only the ``last`` ones where that is given."""
        rows = self._rows(_LOG, partner, connection, -1 if last is None else last)
        return [dict(row) | {"answer": json.loads(row["answer"] or "null")} for row in reversed(rows)]

    def behaviour(self, partner: str) -> Behaviour:
        with self._transaction() as file:
            return _behaviour(file, partner)

    def behave(self, partner: str, behaviour: Behaviour) -> None:
        with self._transaction() as file:
            _behave(file, partner, behaviour)

    def forget(self, partner: str, connection: str | None = None) -> None:
        """Lose what is held and which deliveries were taken, as a restored backup does; the log stays."""
        with self._transaction() as file:
            for sql in _FORGET:
                file.execute(sql, (partner, connection))

    def tamper(
        self, partner: str, named: str, change: Mapping[str, Any], connection: str | None = None
    ) -> int:
        """Change fields of the services with this code or id behind Racord's back; how many there were."""
        changed = 0
        with self._transaction() as file:
            for of, holding in _holdings(file, partner).items():
                hit = {id: one for id, one in holding.services.items() if named in (id, one.code)}
                if hit and connection in (None, of):
                    changed += len(hit)
                    altered = {id: one.model_copy(update=change) for id, one in hit.items()}
                    _hold(
                        file, partner, of, holding.model_copy(update={"services": holding.services | altered})
                    )
        return changed

    def type_prices(self, partner: str, connection: str, prices: Mapping[str, Price | None]) -> None:
        """What the clerk types in after reading a notice; None takes a price away (R16)."""
        with self._transaction() as file:
            for code, price in prices.items():
                file.execute(
                    "DELETE FROM typed_prices WHERE partner = ? AND connection = ? AND code = ?",
                    (partner, connection, code),
                )
                if price is not None:
                    file.execute(
                        "INSERT INTO typed_prices VALUES (?, ?, ?, ?)",
                        (partner, connection, code, price.model_dump_json()),
                    )

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._turn:
            return self._file.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")


def _taken(
    file: sqlite3.Connection, partner: str, webhook_id: str, delivery: Delivery, behaviour: Behaviour, at: str
) -> dict[str, Any]:
    held = _holding(file, partner, delivery.data.connection)
    answer: dict[str, Any] = {}
    outcome = "ignored: older"
    if not is_old(held, delivery):
        outcome = "taken"
        after, rejected = take(held, delivery, behaviour.rejects, at, keeps=behaviour.mode is Mode.KEEP)
        answer = {"results": rejected} if rejected else {}
        _hold(file, partner, delivery.data.connection, after)
        if after.ended:
            ended = (partner, delivery.data.connection)
            file.execute("DELETE FROM typed_prices WHERE partner = ? AND connection = ?", ended)
    file.execute(
        "UPDATE deliveries SET answer = ?, outcome = ? WHERE partner = ? AND id = ?",
        (json.dumps(answer), outcome, partner, webhook_id),
    )
    return answer


def _holding(file: sqlite3.Connection, partner: str, connection: str) -> Holding | None:
    sql = "SELECT holding FROM holdings WHERE partner = ? AND connection = ?"
    row = file.execute(sql, (partner, connection)).fetchone()
    return Holding.model_validate_json(row["holding"]) if row else None


def _holdings(file: sqlite3.Connection, partner: str) -> dict[str, Holding]:
    rows = file.execute("SELECT connection, holding FROM holdings WHERE partner = ?", (partner,))
    return {row["connection"]: Holding.model_validate_json(row["holding"]) for row in rows}


def _hold(file: sqlite3.Connection, partner: str, connection: str, holding: Holding) -> None:
    kept = (partner, connection, holding.model_dump_json(exclude_none=True))
    file.execute("INSERT OR REPLACE INTO holdings VALUES (?, ?, ?)", kept)


def _behaviour(file: sqlite3.Connection, partner: str) -> Behaviour:
    row = file.execute("SELECT told FROM behaviour WHERE partner = ?", (partner,)).fetchone()
    return Behaviour.model_validate_json(row["told"]) if row else Behaviour()


def _behave(file: sqlite3.Connection, partner: str, behaviour: Behaviour) -> None:
    file.execute("INSERT OR REPLACE INTO behaviour VALUES (?, ?)", (partner, behaviour.model_dump_json()))


def _digest(delivery: Delivery) -> str:
    """Of what a delivery says; when it was said may differ between repetitions."""
    return hashlib.sha256(delivery.data.model_dump_json().encode() + delivery.type.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
