"""What servers report about prompts, told to whoever estimates them."""

from contextlib import aclosing

from llmchat.events import Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, Tokens
from llmchat.providers.wrapper import Batches, Wrapper


class Measured(Wrapper):
    """A Provider, called `name` in the ids of its models, from whose usage `tokens` learns."""

    def __init__(self, inner: Provider, *, name: str, tokens: Tokens) -> None:
        super().__init__(inner)
        self._name = name
        self._tokens = tokens

    def stream(self, prompt: Prompt) -> Batches:
        batches = self._inner.stream(prompt)
        model = f"{self._name}/{prompt.model}"
        # Not another generator on the way of every token that nothing can be learnt from.
        return self._watched(model, prompt, batches) if self._tokens.learns(model) else batches

    async def _watched(self, model: str, prompt: Prompt, batches: Batches) -> Batches:
        async with aclosing(batches):
            async for batch in batches:
                if batch and isinstance(end := batch[-1], Finished):
                    self._learn(model, prompt, end)
                yield batch

    def _learn(self, model: str, prompt: Prompt, end: Finished) -> None:
        if end.usage is not None and not end.usage.estimated:
            self._tokens.learn(model, prompt, end.usage.input_tokens)
