"""Asking a provider whose server keeps its answers, with every batch checked on the way."""

from contextlib import aclosing
from typing import Any

from llmchat.domain import Role
from llmchat.errors import ProviderError
from llmchat.events import Delta, Finished
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import ProviderEvent
from llmchat.providers.responses import ReadingOn, ResponsesProvider
from tests.providers.asking import KEY, Heard

SOON = ReadingOn(attempts=3, first_seconds=0.001, most_seconds=0.01)


def responses_at(base_url: str, **more: Any) -> ResponsesProvider:
    return ResponsesProvider(
        "up", base_url=base_url, api_key=KEY, headers={}, reading_on=SOON, **more
    )


async def hear(
    provider: ResponsesProvider, asked: Prompt
) -> tuple[Heard, dict[str, list[ProviderEvent]]]:
    """The whole answer, and what had been given of it at every mark."""
    heard = Heard()
    marks: dict[str, list[ProviderEvent]] = {}
    try:
        async with aclosing(provider.stream(asked)) as batches:
            async for batch in batches:
                heard.events += batch
                last = batch[-1] if batch else None
                if isinstance(last, Delta):
                    assert last.mark is not None
                    marks[last.mark] = list(heard.events)
                else:
                    assert last is None or isinstance(last, Finished)
    except ProviderError as error:
        heard.error = error
    return heard, marks


def marked(mark: str) -> Prompt:
    """What is asked after a crash; the model itself is asked nothing."""
    return Prompt("story?fail=http-500", [PromptMessage(Role.USER, "hi")], mark=mark)
