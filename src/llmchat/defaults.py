"""What the settings say of every answer."""

from llmchat.chat.flow import Clocks
from llmchat.domain import Params
from llmchat.settings import Settings


def clocks(settings: Settings) -> Clocks:
    return Clocks(
        first_token_seconds=settings.first_token_seconds,
        token_gap_seconds=settings.token_gap_seconds,
        generation_seconds=settings.generation_seconds,
    )


def params(settings: Settings) -> Params:
    return Params(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
        skip_thinking=settings.skip_thinking,
    )
