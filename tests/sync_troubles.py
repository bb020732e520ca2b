"""What a partner's system, and its mail server, may do to us: orders to the sandbox, and answers to a recipient."""

from typing import Any

OUTAGES: tuple[dict[str, Any], ...] = (
    {"mode": "down"},
    {"mode": "fail", "status": 503},
    {"mode": "fail", "status": 500, "after": True, "times": 1},
    {"mode": "down", "after": True},
    {"mode": "slow", "seconds": 0.5},
    {"mode": "hang", "seconds": 0.5},
    {"mode": "reject"},
    {"mode": "garbage", "times": 1},
    {"mode": "redirect", "times": 1},
)
NO, LATER = "550 5.1.1 No such mailbox", "451 4.2.1 The mailbox is busy, try again later"
