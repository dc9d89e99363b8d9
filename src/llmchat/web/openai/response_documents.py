"""How /docs shows a streamed response."""

from typing import Any

_EVENTS = """event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_…","status":"queued",…}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":7,"item_id":"msg_…","delta":"You ",…}

event: response.completed
data: {"type":"response.completed","sequence_number":23,"response":{…,"status":"completed"}}

"""
# Without a schema: it would be taken for that of each event.
STREAMED_RESPONSE: dict[str, Any] = {"text/event-stream": {"example": _EVENTS}}
