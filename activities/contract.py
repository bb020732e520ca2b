"""Names, timeouts and retry policies of the activities, as workflows use them. Pure: workflows import this, not the classes."""

from datetime import timedelta
from enum import StrEnum

from temporalio.common import RetryPolicy


class ActivityName(StrEnum):
    READ_FACTS = "read_facts"
    RECORD_PROGRESS = "record_progress"
    SEND_MAIL = "send_mail"
    SEND_NOTICE = "send_notice"
    SEND_FAREWELL = "send_farewell"
    PLAN_ROUND = "plan_round"
    PLAN_END = "plan_end"
    CLOSE_CONNECTION = "close_connection"
    PUSH_DELIVERY = "push_delivery"
    COMPARE_HELD = "compare_held"


# Our own database: a local activity, tried until it answers, so that no step is lost while Postgres restarts.
DATABASE_TIMEOUT = timedelta(seconds=10)
PLAN_TIMEOUT = timedelta(seconds=60)  # 20,000 services are looked at in a second or two
DATABASE_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), backoff_coefficient=2, maximum_interval=timedelta(seconds=5)
)

# A mail server's 4xx means "later": tried for five days as mail servers do among themselves, then a person is told.
MAIL_TIMEOUT = timedelta(seconds=60)
# A worker that died is noticed after this, and another one takes the message over.
MAIL_HEARTBEAT = timedelta(seconds=5)
MAIL_GIVE_UP = timedelta(days=5)
MAIL_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=timedelta(hours=1)
)

# One try at a partner takes ten seconds at most; the rest is our own database's.
PARTNER_TIMEOUT = timedelta(seconds=45)
# A worker that died in the middle of a call is noticed after this.
PARTNER_HEARTBEAT = timedelta(seconds=5)
# Retried is only what was cut off: a partner's no, or silence, is an answer, and the workflow waits for the next try.
PARTNER_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
)
