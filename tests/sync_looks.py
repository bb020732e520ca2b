"""What a story looks at: edits and prices as they are here, and whether anything is still about to be tried."""

from dataclasses import dataclass
from typing import Any

from tests.live_channel import Channel


@dataclass
class Edit:
    """A saved price edit: what of it the partner has to be told, and what it may be told (service ids)."""

    id: str
    touched: set[str]
    must: bool


async def prices_by_code(channel: Channel) -> dict[str, str]:
    """What each service costs at the channel now."""
    home = f"/providers/{channel.live.provider_id}"
    listed = await channel.stack.call("GET", f"{home}/services", params={"limit": 200})
    codes = {one["id"]: one["code"] for one in listed["items"]}
    priced = await channel.stack.call("GET", f"{home}/channels/{channel.slug}/prices")
    return {codes[one["service_id"]]: one["amount"] for one in priced["prices"]}


def was_tried(seen: Any) -> bool:
    waiting = seen["delivery"]
    may_be_sent = seen["status"] == "active" and not (seen["partner_health"] or {}).get("open_until")
    return waiting is None or waiting["verdict"] is not None or not may_be_sent


def were_posted(seen: list[dict[str, Any]]) -> bool:
    return all(one["state"] != "waiting" or one["trouble"] or one["held_by"] for one in seen)
