"""Who calls in `examples`: keys, tickets, members, what they use up, and what an admin sees."""

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
ALLOWED: Example = {
    "whose": "key",
    "unit": "tokens",
    "period": "day",
    "most": 100000.0,
    "used": 34112.0,
    "reserved": 1040.0,
    "left": 64848.0,
    "resets_at": "2026-11-22T00:00:00Z",
}
LIVE: Example = {
    "id": _GENERATION_ID,
    "conversation_id": "conv_8DmOPrFdMxqVd6Nq2oBCqQC",
    "user": "ann",
    "owner": "ann",
    "key_id": _KEY_ID,
    "model": _MODEL,
    "status": "streaming",
    "attempt": 1,
    "created_at": "2026-11-21T08:43:02.530211Z",
    "started_at": "2026-11-21T08:43:02.541100Z",
    "output_tokens": 412,
    "process": "worker_8DmOPqZk0V0sRrBXq7pQk1T",
    "here": True,
    "stop_requested": False,
}
KNOWN: Example = {
    "user": "ann",
    "keys": 2,
    "last_seen_at": "2026-11-21T08:43:02.530211Z",
    "input_tokens": 340112,
    "output_tokens": 91024,
    "cost_usd": 1.27,
    "generations": 431,
    "estimated": False,
    "live": 1,
}

BY_SCHEMA: dict[str, Example] = {
    "Allowances": {"items": [ALLOWED]},
    "Allowed": ALLOWED,
    "Caller": CALLER,
    "ConversationMember": MEMBER,
    "CreatedKey": CREATED_KEY,
    "CreatedLink": LINK,
    "Key": KEY,
    "KeyList": {"items": [KEY]},
    "KnownUser": KNOWN,
    "KnownUsers": {"month": "2026-11-01", "items": [KNOWN]},
    "LiveGeneration": LIVE,
    "LiveGenerations": {"items": [LIVE]},
    "MemberList": {"items": [MEMBER]},
    "SocketTicket": SOCKET_TICKET,
    "Ticket": TICKET,
    "UsageReport": USAGE_REPORT,
}
