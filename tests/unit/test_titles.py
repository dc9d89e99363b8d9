"""Whoever closes the titles waits for no model, and leaves none at work."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from llmchat.chat.feed import Feed
from llmchat.chat.news import News
from llmchat.chat.observing import Answer, End
from llmchat.chat.spending import Spending
from llmchat.chat.titles import Titles
from llmchat.events import Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent
from llmchat.providers.factory import ProviderFactory, Source
from llmchat.providers.tokens import TokenCounter
from llmchat.signals.base import Alone
from tests.contract.stores import ME, sqlite_stores
from tests.providers.asking import Scripted, eventually

END = Finished("complete", "stop")


class Silent(Scripted):
    """Never answers; `open` counts those who wait for it."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        self.open += 1
        try:
            await asyncio.Event().wait()
            yield [END]
        finally:
            self.open -= 1


async def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    silent = Silent()
    models = ProviderFactory([Source("some", silent, "", "the test")], default_model=None)
    async with sqlite_stores(tmp_path) as stores:
        conversation = await stores.conversation()
        turn = await stores.talk(conversation)
        news = News(stores.conversations, Feed(), Alone())
        spending = Spending(
            stores.usage, tokens=TokenCounter(None), now=stores.time.now, longest_seconds=60
        )
        titling = Titles(stores.conversations, models, news, spending, by="some/model")
        async with spending, titling as titles:
            titles.ended(Answer.of(turn.generation), End(END))
            await eventually(lambda: silent.open == 1)

        assert silent.open == 0
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("title")]
        assert (await stores.conversations.get(ME, conversation.id)).title is None
