"""Every behaviour of the corpus, whole, byte by byte, and split anywhere: always the same comes."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from pydantic import SecretStr

from llmchat.catalogue import providers_of, token_counter
from llmchat.config.provider import (
    AnthropicSettings,
    AnyProvider,
    OllamaSettings,
    OpenAISettings,
    ResponsesSettings,
    WebSocketSettings,
)
from llmchat.domain import Params
from llmchat.settings import Settings
from tests.providers.asking import KEY, Heard, listen, prompt
from tests.providers.behaviours import (
    Behaviour,
    Outcome,
    anywhere,
    at_once,
    byte_by_byte,
    corpus,
)
from tests.providers.websocket_wire import Split, websocket_wire
from tests.providers.wire import wire

SETTINGS: dict[str, Callable[[str], AnyProvider]] = {
    "openai": lambda url: OpenAISettings(urls=(url,), api_key=SecretStr(KEY), prefill=True),
    "ollama": lambda url: OllamaSettings(kind="ollama", urls=(url,), prefill=True),
    "anthropic": lambda url: AnthropicSettings(
        kind="anthropic", urls=(url,), api_key=SecretStr(KEY)
    ),
    "openai-responses": lambda url: ResponsesSettings(
        kind="openai-responses", urls=(url,), api_key=SecretStr(KEY)
    ),
    "websocket": lambda url: WebSocketSettings(
        kind="websocket", urls=(url,), api_key=SecretStr(KEY)
    ),
}
BEHAVIOURS = [behaviour for kind in SETTINGS for behaviour in corpus(kind)]


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda it: f"{it.kind} {it.name}")
async def test_what_comes_of_it(behaviour: Behaviour, chaos: random.Random) -> None:
    splits: list[Split] = [at_once, byte_by_byte, lambda response: anywhere(response, chaos)]
    for split in splits:
        heard = await hear(behaviour, split)

        assert Outcome.of(heard) == behaviour.outcome, heard.error
        assert behaviour.says in (heard.error.detail if heard.error else "")
        assert KEY not in str(heard)


def test_there_are_enough_of_them() -> None:
    assert len(BEHAVIOURS) >= 60
    assert len({(behaviour.kind, behaviour.name) for behaviour in BEHAVIOURS}) == len(BEHAVIOURS)


async def hear(behaviour: Behaviour, split: Split) -> Heard:
    """From a provider as the service has it, but for its patience."""
    params = Params(skip_thinking=behaviour.skip_thinking or None)
    async with served(behaviour, split) as url:
        found = SETTINGS[behaviour.kind](url)
        settings = Settings(providers={"it": found}, discover=False, max_attempts=1)
        async with aclosing(providers_of(settings, token_counter())) as models:
            provider, model = models.resolve("it/story")
            return await listen(provider, prompt(model, params, begun=behaviour.prefill))


@asynccontextmanager
async def served(behaviour: Behaviour, split: Split) -> AsyncIterator[str]:
    if behaviour.kind == "websocket":
        async with websocket_wire(behaviour.response, behaviour.frames, split) as url:
            yield url
    else:
        async with wire(list(split(behaviour.response))) as upstream:
            yield upstream.base_url
