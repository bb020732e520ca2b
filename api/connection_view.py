"""Turns what is stored of a live connection into what the API and the pages show."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Row

from adapters.database.connection_lists import Listed
from adapters.database.connection_tables import (
    ConnectionEventRow,
    ConnectionRow,
    ConnectionServiceRow,
    DeliveryRow,
    NoticeRow,
)
from adapters.playbooks import Playbooks
from api.access import Policy, Principal
from api.ending import may_be_confirmed
from api.evidence import body_schema
from api.onboarding_view import BASE
from api.schemas.connections import (
    AcknowledgeOnBehalf,
    ConfirmEnd,
    ConnectedServiceView,
    ConnectionBrief,
    ConnectionEventView,
    ConnectionNotice,
    ConnectionView,
    Counts,
    DeliveryView,
    HealthView,
    MoneyView,
    NoticeBrief,
    NoticeLine,
    RejectionView,
    RemindNotice,
    SendAll,
    SideView,
    TellAgain,
)
from api.schemas.onboardings import ActionView, ProviderBrief, Reason
from domain.connection import (
    FAILING_AFTER,
    ConnectionStatus,
    Content,
    LineNow,
    NoticeState,
    drifts,
    waits_on,
)
from domain.delivery import Verdict
from domain.playbook import Sync, SyncPolicy

COLUMNS = frozenset(ConnectionRow.__table__.columns.keys())


def priced(playbooks: Playbooks) -> Sequence[str]:
    """The partners who take recorded prices (R16)."""
    return [one.slug for one in playbooks if one.sync.price is SyncPolicy.PUSH]


def brief(found: Listed, now: datetime) -> ConnectionBrief:
    return ConnectionBrief(**_brief(found, now))


def _brief(found: Listed, now: datetime) -> dict[str, Any]:
    row, health = found.row, found.health
    refused = found.delivery is not None and found.delivery.verdict == Verdict.REFUSED
    waiting_on = waits_on(
        ConnectionStatus(row.status),
        rejected=found.rejected > 0 or found.refused > 0,
        asked=found.asked > 0,
        refused=refused,
        failed=_failed(found, now),
        under_way=found.delivery is not None or found.notices_open > 0,
        untold=found.untold > 0,
    )
    return {
        **{name: getattr(row, name) for name in ConnectionBrief.model_fields if name in COLUMNS},
        "provider": ProviderBrief(id=row.provider_id, name=found.provider_name),
        "counts": Counts(
            services=found.bookable,
            acknowledged=found.acknowledged,
            drifting=found.drifting,
            rejected=found.rejected,
            notices_open=found.notices_open,
        ),
        "untold": found.untold,
        "waiting_on": waiting_on.value if waiting_on else None,
        "delivery": delivery(found.delivery) if found.delivery else None,
        "partner_health": HealthView.model_validate(health, from_attributes=True) if health else None,
    }


def _failed(found: Listed, now: datetime) -> bool:
    """Whether the partner's system keeps us waiting; with the end, as the inbox says it (`adapters.database.tasks`)."""
    silent = found.health is not None and found.health.failing_since is not None
    answered = found.delivery is not None and found.delivery.verdict is not None
    if found.row.status == ConnectionStatus.ENDING:
        return answered or silent or found.row.since <= now - FAILING_AFTER
    return answered or (silent and found.delivery is not None)


def whole(found: Listed, playbooks: Playbooks, principal: Principal, now: datetime) -> ConnectionView:
    """One connection, with the actions that this principal may do now."""
    partner = found.row.partner
    return ConnectionView(
        **_brief(found, now),
        partner_name=playbooks.get(partner).name if partner in playbooks else partner,
        proof=found.row.proof,
        actions=_steering(principal, found, now),
    )


def _steering(principal: Principal, found: Listed, now: datetime) -> list[ActionView]:
    if not principal.may(Policy.STEER_CONNECTION):
        return []
    offered: Mapping[str, Mapping[str, type[BaseModel]]] = {
        ConnectionStatus.ACTIVE: {"pause": Reason, "send-all": SendAll},
        ConnectionStatus.PAUSED: {"resume": Reason},
    }
    if may_be_confirmed(found.row, found.delivery, now):
        offered = {ConnectionStatus.ENDING: {"confirm-end": ConfirmEnd}}
    actions = dict(offered.get(found.row.status, {}))
    if found.untold:
        actions |= {"tell-again": TellAgain, "told": Reason}
    return [_action(found.row, name, name, body) for name, body in actions.items()]


def _action(row: ConnectionRow, name: str, path: str, body: type[BaseModel]) -> ActionView:
    return ActionView(
        name=name,
        method="POST",
        href=f"{BASE}/connections/{row.id}/{path}",
        body_schema=body_schema(body, row.onboarding_id),
        allowed_for=["us"],
    )


def delivery(row: DeliveryRow) -> DeliveryView:
    return DeliveryView.model_validate(row, from_attributes=True)


def service(row: ConnectionServiceRow, code: str, name: str, sync: Sync) -> ConnectedServiceView:
    """One service on both sides."""
    drift = drifts(row.content, row.acknowledged, row.known_price, sync)
    by_notice = sync.price is not SyncPolicy.PUSH
    return ConnectedServiceView(
        id=row.service_id,
        code=code,
        name=name,
        bookable=row.content is not None,
        ours=_side(row.content),
        theirs=_side(row.acknowledged),
        their_price=money(row.known_price) if by_notice else None,
        drift=drift,
        since=row.differs_since if drift else None,
        admitted_at=row.admitted_at,
        acknowledged_at=row.acknowledged_at,
        rejection=RejectionView(**{part: row.rejection[part] for part in RejectionView.model_fields})
        if row.rejection
        else None,
    )


def _side(content: Content | None) -> SideView | None:
    if content is None:
        return None
    return SideView(duration_minutes=content.get("duration_minutes"), price=money(content.get("price")))


def money(said: Mapping[str, Any] | None) -> MoneyView | None:
    return MoneyView(amount=str(said["amount"]), currency=str(said["currency"])) if said else None


def notice(row: Row[Any]) -> NoticeBrief:
    return NoticeBrief.model_validate(row, from_attributes=True)


def whole_notice(
    row: NoticeRow,
    lines: Sequence[LineNow],
    held_by: int | None,
    connection: ConnectionRow,
    principal: Principal,
) -> ConnectionNotice:
    """One notice with these lines, what holds it back, and what this principal may do about it now."""
    kept = NoticeBrief.model_fields.keys() - {"services", "held_by"}
    said = {name: getattr(row, name) for name in kept}
    return ConnectionNotice(
        **said,
        services=len(row.lines),
        held_by=held_by,
        lines=[NoticeLine.model_validate(line, from_attributes=True) for line in lines],
        actions=_about(principal, row, connection),
    )


def _about(principal: Principal, row: NoticeRow, connection: ConnectionRow) -> list[ActionView]:
    status = ConnectionStatus(connection.status)
    if not principal.may(Policy.STEER_CONNECTION) or not status.is_live or not NoticeState(row.state).is_open:
        return []
    offered: dict[str, type[BaseModel]] = {"acknowledge": AcknowledgeOnBehalf}
    if status is ConnectionStatus.ACTIVE and can_be_sent_again(row):
        offered["remind"] = RemindNotice
    return [_action(connection, name, f"notices/{row.id}/{name}", body) for name, body in offered.items()]


def can_be_sent_again(row: NoticeRow) -> bool:
    """It is with the partner, or came back; one that is about to go out is not sent twice."""
    return row.state in (NoticeState.SENT, NoticeState.REJECTED) or (
        row.state == NoticeState.WAITING and row.trouble is not None
    )


def event(row: ConnectionEventRow) -> ConnectionEventView:
    return ConnectionEventView(id=str(row.id), type=row.type, at=row.at, actor=row.actor, data=row.data)
