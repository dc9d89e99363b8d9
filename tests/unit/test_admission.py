"""Whether somebody may still read is asked once for all their streams."""

import pytest

from llmchat.chat.admission import ASK_SECONDS, Lately
from llmchat.errors import NotFound


async def test_the_same_question_is_asked_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("llmchat.chat.admission.monotonic", lambda: now[0])
    lately = Lately()
    asked: list[str] = []

    async def ann() -> None:
        asked.append("ann")

    async def bob() -> None:
        asked.append("bob")
        raise NotFound("no longer")

    for _ in range(3):
        await lately.check("ann", ann)
    for _ in range(2):
        # A refusal is not remembered: each of the streams ends.
        with pytest.raises(NotFound):
            await lately.check("bob", bob)
    now[0] = ASK_SECONDS
    await lately.check("ann", ann)
    assert asked == ["ann", "bob", "bob", "ann"]
