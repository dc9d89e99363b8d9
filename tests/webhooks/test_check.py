"""What `llmchat check` says of webhooks, without sending any."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from llmchat.config.webhooks import WebhookSettings
from llmchat.doctor import examine
from llmchat.settings import Settings
from llmchat.webhooks.base import EventType, Message
from tests.contract.stores import Stores, sqlite_stores
from tests.receiver import SECRET, receiving


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncGenerator[Stores, None]:
    async with sqlite_stores(tmp_path) as found:
        yield found


async def check(folder: Path, url: str, *, private: bool = True) -> list[tuple[bool, str]]:
    hook = WebhookSettings.model_validate({"url": url, "secret": SECRET})
    settings = Settings(
        data_dir=folder, discover=False, webhook_private_addresses=private, webhooks={"pager": hook}
    )
    found = await examine(settings, requests=False)
    return [(it.is_fault, it.text) for it in found if "pager" in it.text]


async def test_one_that_may_be_reached_is_sent_nothing(tmp_path: Path) -> None:
    with receiving() as receiver:
        found = await check(tmp_path, receiver.url)
    said = "The webhook pager goes to 127.0.0.1 (127.0.0.1), signed with one secret."
    assert found == [(False, said)]
    assert receiver.ids == []


async def test_one_at_a_private_address_is_at_fault(tmp_path: Path) -> None:
    [(is_fault, text)] = await check(tmp_path, "https://localhost/hook", private=False)
    assert is_fault
    assert "reaches nobody: localhost is at the private address" in text
    assert "LLMCHAT_WEBHOOK_PRIVATE_ADDRESSES" in text


async def test_the_name_is_looked_up_that_is_posted_to(tmp_path: Path) -> None:
    [(is_fault, text)] = await check(tmp_path, "https://straße.invalid/hook")
    assert is_fault
    assert "xn--strae-oqa.invalid" in text


async def test_what_has_waited_for_hours_is_a_fault(tmp_path: Path, stores: Stores) -> None:
    url = "https://127.0.0.1/hook"
    # Of 2001: it does not matter when this runs.
    stores.time.move(1e9 - stores.time.seconds())
    await stores.outbox.add([Message("evt_1", "pager", EventType.FINISHED, "{}")])
    _, (is_fault, text) = await check(tmp_path, url)
    assert is_fault
    assert "has not taken what it is sent: 1 wait, the oldest for" in text

    (due,) = await stores.outbox.claim("pager", limit=1)
    await stores.outbox.failed(due, "410", again_seconds=None)
    assert len(await check(tmp_path, url)) == 1
