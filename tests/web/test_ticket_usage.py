"""What is asked over a socket that a ticket opened is paid by whoever has the ticket's key."""

from pathlib import Path

import httpx2

from tests.sockets import opened
from tests.web.locked import bearer, locked_service


async def test_a_ticket_spends_what_its_key_may_spend(tmp_path: Path) -> None:
    with locked_service(tmp_path, default_model="demo/echo") as service:
        key = service.key("ann", tokens_per_day=100)
        async with httpx2.AsyncClient(
            base_url=service.base_url, headers=bearer(key["secret"])
        ) as http:
            ticket = (await http.post("/api/ws/ticket")).json()["ticket"]
            async with opened(service.base_url, query=f"?ticket={ticket}") as socket:
                frame = await socket.asked("llm_request", prompt="hello")
                while frame["type"] == "llm_response":
                    frame = await socket.asked("llm_request", prompt="a " * 10)
            assert frame["type"] == "llm_error"
            used = (await http.get("/api/usage", params={"group_by": "key"})).json()
    assert [item["key"] for item in used["items"]] == [key["id"]]
    assert 0 < used["items"][0]["input_tokens"] + used["items"][0]["output_tokens"] <= 100
