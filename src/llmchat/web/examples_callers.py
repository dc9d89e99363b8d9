"""Who calls in `examples`: keys, tickets, members, and what they have used up."""

from typing import Any

Example = dict[str, Any]

_GENERATION_ID = "gen_8DmOPrLkO6tHQTwKF2VHCrh"
_MODEL = "demo/echo"
_KEY_ID = "key_8DmmzVBQlBZi0Fy6F7E4gu2"
KEY: Example = {
    "id": _KEY_ID,
    "user": "ann",
    "name": "Ann's laptop",
    "scopes": ["chat"],
    "created_at": "2026-11-21T08:40:11.114203Z",
    "expires_at": None,
    "last_used_at": "2026-11-21T08:43:02.530211Z",
    "revoked_at": None,
    "tokens_per_day": 100000,
    "tokens_per_month": None,
    "usd_per_day": None,
    "usd_per_month": 20.0,
}
# Not of the form of a secret: nothing that looks for leaked ones should find this.
CREATED_KEY: Example = {**KEY, "last_used_at": None, "secret": "sk-llmchat-…"}
CALLER: Example = {"user": "ann", "scopes": ["chat"], "key_id": _KEY_ID}

TICKET: Example = {
    "ticket": "eyJrZXkiOiJrZXlf….b2xk",
    "stream_url": f"/api/generations/{_GENERATION_ID}/stream?ticket=eyJrZXkiOiJrZXlf….b2xk",
    "expires_at": "2026-11-21T08:58:35.177575Z",
}

SOCKET_TICKET: Example = {
    "ticket": "eyJrZXkiOiJrZXlf….b2xk",
    "socket_url": "/api/ws?ticket=eyJrZXkiOiJrZXlf….b2xk",
    "expires_at": "2026-11-21T08:44:35.177575Z",
}
MEMBER: Example = {
    "user": "bob",
    "role": "viewer",
    "created_at": "2026-11-21T08:44:50.380114Z",
}
LINK: Example = {
    "id": "link_8DmOQ1xTqTJkPZC4ZK4sWnB",
    "url": "/api/shared/Zm94LWxpbms",
    "secret": "Zm94LWxpbms",
}
_SPENT: Example = {
    "input_tokens": 4,
    "cached_tokens": 0,
    "output_tokens": 6,
    "reasoning_tokens": 0,
    "cost_usd": None,
    "generations": 1,
    "estimated": False,
}
USAGE_REPORT: Example = {"items": [{**_SPENT, "model": _MODEL}], "total": _SPENT}

BY_SCHEMA: dict[str, Example] = {
    "Caller": CALLER,
    "ConversationMember": MEMBER,
    "CreatedKey": CREATED_KEY,
    "CreatedLink": LINK,
    "Key": KEY,
    "KeyList": {"items": [KEY]},
    "MemberList": {"items": [MEMBER]},
    "SocketTicket": SOCKET_TICKET,
    "Ticket": TICKET,
    "UsageReport": USAGE_REPORT,
}
