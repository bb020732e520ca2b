"""The services of a channel, as :mod:`adapters.database.readiness` reads them, in the explainer's words."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from domain.connection import NoticeState
from domain.snapshot import Asked, Known, Rejected, ServiceFacts


@lru_cache(maxsize=256)
def _known(at: str, by: str | None) -> Known:
    """Kept: one edit deletes or unticks many services."""
    return Known(at=datetime.fromisoformat(at), by=by)


@lru_cache(maxsize=256)
def _asked(at: str, state: str, sent: str | None, refused: str | None, why: str | None) -> Asked:
    """Kept: one notice asks for many services."""
    return Asked(
        at=datetime.fromisoformat(at),
        state=NoticeState(state),
        sent=datetime.fromisoformat(sent) if sent else None,
        refused=datetime.fromisoformat(refused) if refused else None,
        why=why or "",
    )


def services_of(rows: Iterable[list[Any]], *, connected: bool) -> Iterator[ServiceFacts]:
    """``connected``: there is a connection, so that the partner's confirmation counts (R14)."""
    for (
        id,
        code,
        name,
        minutes,
        deleted_at,
        deleted_by,
        ticked,
        priced,
        longest,
        admitted,
        asked_for,
        rejected_at,
        rejected_why,
        unticked,
        unpriced,
        uncovered,
    ) in rows:
        yield ServiceFacts(
            id=id,
            code=code,
            name=name,
            deleted=_known(deleted_at, deleted_by) if deleted_at else None,
            ticked=ticked,
            priced=priced,
            duration=timedelta(minutes=minutes),
            longest_opening=None if longest is None else timedelta(minutes=longest),
            unticked=_known(*unticked) if unticked else None,
            unpriced=_known(*unpriced) if unpriced else None,
            uncovered=_known(*uncovered) if uncovered else None,
            confirmed_by_partner=admitted if connected else None,
            asked=_asked(*asked_for) if asked_for else None,
            rejected=Rejected(at=datetime.fromisoformat(rejected_at), why=rejected_why or "")
            if rejected_at
            else None,
        )
