"""One process on one data directory: a second one says so and leaves it alone."""

from pathlib import Path

import pytest

from tests.service import Service


@pytest.mark.embedded
async def test_a_second_process_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with Service(tmp_path).running() as first, first.client() as client:
        conversation = await client.conversation(model="demo/echo")
        second = Service(tmp_path)
        second.launch()
        try:
            assert await second.exit_code() != 0
        finally:
            await second.kill()
        [complaint] = [line for line in second.log.splitlines() if "Another llmchat" in line]
        assert str(first.data_dir) in complaint
        assert "--data-dir" in complaint
        assert "Traceback" not in second.log
        sent = await client.send(conversation, "still here?")
        assert (await client.read(sent.generation_id)).text == "You said: still here?"
    async with Service(tmp_path).running() as third, third.client() as client:
        assert len(await client.messages(conversation)) == 2
