"""A text of the operator's for when no model answers."""

from contextlib import aclosing

import structlog

from llmchat.errors import ProviderError
from llmchat.events import Delta, Finished, Usage
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, Restarted
from llmchat.providers.wrapper import Batches, Wrapper, shown_behind
from llmchat.text import clean

_log = structlog.get_logger(__name__)

_REASON = "fallback_text"
_NOTHING_SPENT = Usage(input_tokens=0, output_tokens=0)


class LastResort(Wrapper):
    """A Provider that never fails: its answer is `text` then, with the finish reason
    `fallback_text`, from no model."""

    def __init__(self, inner: Provider, text: str) -> None:
        super().__init__(inner)
        self._text = clean(text)

    async def stream(self, prompt: Prompt) -> Batches:
        shown = False
        try:
            async with aclosing(self._inner.stream(prompt)) as batches:
                async for batch in batches:
                    shown = shown_behind(batch, shown)
                    yield batch
            return
        except ProviderError as error:
            _log.warning("No model answered, the fallback text did", problem=error.type)
        if shown:
            yield [Restarted("No model gave a whole answer.")]
        yield [Delta(self._text), Finished("complete", _REASON, _NOTHING_SPENT)]
