"""Requests to one server, noted with their tokens on the meter of whoever asks."""

from contextlib import aclosing

from llmchat.errors import ProviderError, UpstreamTimeout, UpstreamTooLarge, UpstreamTruncated
from llmchat.events import Delta, Finished, ToolCall, Usage
from llmchat.metering import NOTHING, Meter
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent, Tokens
from llmchat.providers.wrapper import Batches, Wrapper

# After these the server has read the prompt, whatever it has said; other errors refuse it.
_AFTER_READING = (UpstreamTimeout, UpstreamTruncated, UpstreamTooLarge)


class Metered(Wrapper):
    """A Provider, called `name` in the ids of its models, whose requests are metered: by what the
    server reports, else as `tokens` counts what was asked and what came."""

    def __init__(self, inner: Provider, *, name: str, tokens: Tokens) -> None:
        super().__init__(inner)
        self._name = name
        self._tokens = tokens

    def stream(self, prompt: Prompt) -> Batches:
        batches = self._inner.stream(prompt)
        return batches if prompt.meter is None else self._metered(prompt, prompt.meter, batches)

    async def _metered(self, prompt: Prompt, meter: Meter, batches: Batches) -> Batches:
        model = f"{self._name}/{prompt.model}"
        heard = _Heard(meter.begun if prompt.mark is not None else "")
        request = meter.begin(model)
        try:
            async with aclosing(batches):
                async for batch in batches:
                    for event in batch:
                        heard.add(event)
                    yield batch
        except ProviderError as error:
            heard.refused = not isinstance(error, _AFTER_READING)
            raise
        finally:
            # Also when nobody wants more of it: what came until then was written all the same.
            usage = heard.reported or self._counted(model, prompt, heard)
            request.end(usage, finished=heard.finished)

    def _counted(self, model: str, prompt: Prompt, heard: "_Heard") -> Usage:
        if heard.refused and not heard.pieces:
            return NOTHING
        said = self._tokens.count_text(model, "".join(heard.pieces))
        thought = self._tokens.count_text(model, "".join(heard.thoughts))
        asked = self._tokens.count(model, prompt.messages, prompt.params).tokens
        return Usage(asked, said + thought, reasoning_tokens=thought, estimated=True)


class _Heard:
    """What came of a request. The pieces are kept: what was cut off can only be counted."""

    def __init__(self, begun: str) -> None:
        self.pieces = [begun] if begun else []
        self.thoughts: list[str] = []
        self.reported: Usage | None = None
        self.finished = False
        self.refused = False

    def add(self, event: ProviderEvent) -> None:
        match event:
            case Delta(text, "reasoning"):
                self.thoughts.append(text)
            case Delta(text):
                self.pieces.append(text)
            case ToolCall(name=name, arguments=arguments):
                self.pieces += [name or "", arguments]
            case Finished(usage=usage):
                self.reported, self.finished = usage, True
