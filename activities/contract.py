"""Names, timeouts and retry policies of the activities, as workflows use them. Pure: workflows import this, not the classes."""

from datetime import timedelta
from enum import StrEnum

from temporalio.common import RetryPolicy


class ActivityName(StrEnum):
    READ_FACTS = "read_facts"
    RECORD_PROGRESS = "record_progress"
    SEND_MAIL = "send_mail"


# Our own database: a local activity, tried until it answers, so that no step is lost while Postgres restarts.
DATABASE_TIMEOUT = timedelta(seconds=10)
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
