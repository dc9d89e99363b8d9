"""A stop, wherever the generation runs, and also when its owner is dead."""

from llmchat.chat.ending import stopped
from llmchat.chat.recovery import Recovery
from llmchat.chat.runner import Runner
from llmchat.domain import Generation
from llmchat.store.base import GenerationStore


class Stopping:
    """Asks the owner first. One that does not answer is fenced: whether it is dead, frozen or only
    slow, nothing that it writes is shown any more."""

    def __init__(self, runner: Runner, recovery: Recovery, generations: GenerationStore) -> None:
        self._runner = runner
        self._recovery = recovery
        self._generations = generations

    async def stop(self, generation: Generation) -> None:
        """When this returns, the generation has ended, with the text that it had."""
        while not await self._runner.stop(generation):
            seen = await self._generations.seen(generation.id)
            if seen is None or await self._recovery.take_over(seen, stopped()):
                return
