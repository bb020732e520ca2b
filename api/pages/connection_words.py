"""The pages' words for live connections: statuses, causes, deliveries, notices, events (R14–R17)."""

from domain.connection import Cause, ConnectionEvent, ConnectionStatus, NoticeKind
from domain.delivery import DeliveryType, Verdict
from domain.errors import N_

STATUSES = {
    "active": N_("Active"),
    "paused": N_("Paused"),
    "ending": N_("Ending"),
    "ended": N_("Ended"),
}
# The sign beside each status, for those who do not tell colours apart; names of icons.html.
SIGNS = {"active": "live", "paused": "on_hold", "ending": "late", "ended": "cancelled"}
MEANINGS = {
    ConnectionStatus.ACTIVE: N_("Changes go to the partner by themselves."),
    ConnectionStatus.PAUSED: N_("Nothing is sent to the partner until it is resumed."),
    ConnectionStatus.ENDING: N_(
        "We say closed, they may not know: the partner’s system has not confirmed the end yet."
    ),
    ConnectionStatus.ENDED: N_("Nothing is bookable on it any more."),
}
CAUSES = {
    Cause.PERMISSION_DISABLED: N_("The channel’s permission was taken away."),
    Cause.LAST_SERVICE_DELETED: N_("The last bookable service was deleted."),
}

CONFIRMED = N_("The partner’s system confirmed on {when} that it offers nothing.")
UNCONFIRMED = N_("The partner’s system took the end on {when}; it does not tell what it holds.")
RECORDED = N_("{other} said for the partner that it offers nothing any more; {name} recorded it on {when}.")
STILL_HELD = N_("The partner’s system still held services on {when}: {n}.")
NEVER_TOLD = N_("The partner’s system had never been told anything of it.")

DELIVERY_TYPES = {
    DeliveryType.CHANGED: N_("Changes"),
    DeliveryType.SNAPSHOT: N_("Everything"),
    DeliveryType.ENDED: N_("The end"),
}
# By state; one that waits after a try is said by what the answer meant.
DELIVERY_STATES = {
    "waiting": N_("About to be sent"),
    "taken": N_("Taken"),
    "superseded": N_("Replaced by a newer one"),
    Verdict.LATER: N_("Tried again"),
    Verdict.REFUSED: N_("Refused, tried again"),
    Verdict.GONE: N_("Not wanted"),
}
NOTICE_KINDS = {
    NoticeKind.NEW_SERVICES: N_("New examinations"),
    NoticeKind.PRICES: N_("Changed prices"),
}
NOTICE_STATES = {
    "waiting": N_("About to be sent"),
    "sent": N_("Waiting for the partner"),
    "acknowledged": N_("Acknowledged"),
    "rejected": N_("The partner said no"),
    "withdrawn": N_("Withdrawn"),
    "trouble": N_("It did not go out"),
    "held": N_("Held back"),
}
NOTICE_SIGNS = {
    "waiting": "running",
    "sent": "partner",
    "acknowledged": "done",
    "rejected": "late",
    "withdrawn": "skipped",
    "trouble": "late",
    "held": "late",
}

EVENTS = {
    ConnectionEvent.STARTED: N_("The connection began: the partner had activated the provider."),
    ConnectionEvent.PAUSED: N_("{actor} paused the connection."),
    ConnectionEvent.RESUMED: N_("{actor} resumed the connection."),
    ConnectionEvent.SEND_ALL: N_("{actor} had everything sent again."),
    ConnectionEvent.ENDING: N_("{actor} ended the connection."),
    ConnectionEvent.ENDED: N_("The end is closed."),
    "connection.ended.recorded": N_(
        "{actor} recorded that {other} confirmed the end for the partner: it is closed."
    ),
    ConnectionEvent.DELIVERY_TAKEN: N_("The partner’s system took delivery {sequence}."),
    ConnectionEvent.DELIVERY_FAILED: N_("The partner’s system did not take a delivery. It is tried again."),
    "delivery.failed.refused": N_("The partner’s system refused a delivery. It is tried again."),
    "delivery.failed.gone": N_("The partner’s system says that it wants nothing more."),
    ConnectionEvent.SERVICE_REJECTED: N_("The partner’s system rejected {service}."),
    ConnectionEvent.DRIFT_FOUND: N_(
        "The partner’s system held something else than it had acknowledged. Services: {services}."
    ),
    ConnectionEvent.COMPARISON_FAILED: N_("The partner’s system was asked what it holds, and did not say."),
    ConnectionEvent.COMPARISON_WORKS: N_("The partner’s system says again what it holds."),
    ConnectionEvent.NOTICE_OPENED: N_("Notice {number} was written: {kind}."),
    ConnectionEvent.NOTICE_SENT: N_("The mail server accepted notice {number}."),
    ConnectionEvent.NOTICE_TROUBLE: N_("Notice {number} did not go out."),
    ConnectionEvent.NOTICE_ACKNOWLEDGED: N_("{actor} acknowledged notice {number}."),
    "notice.acknowledged.recorded": N_("{actor} recorded that {other} acknowledged notice {number}."),
    ConnectionEvent.NOTICE_REJECTED: N_("{actor} said no to notice {number}."),
    ConnectionEvent.NOTICE_REMINDED: N_("{actor} had notice {number} sent again."),
    ConnectionEvent.NOTICE_WITHDRAWN: N_("Notice {number} was withdrawn: what it was about is gone."),
    ConnectionEvent.FAREWELL_TROUBLE: N_("{to} could not be told of the end."),
    ConnectionEvent.FAREWELL_REPEATED: N_("{actor} had the end told again: {to} had not got it."),
    ConnectionEvent.FAREWELL_TOLD: N_("{actor} recorded that {to} knows of the end."),
}
