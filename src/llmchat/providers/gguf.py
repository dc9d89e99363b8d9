"""A file of weights, served by a llama.cpp of our own that starts with the first question."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import structlog

from llmchat.domain import Model
from llmchat.errors import (
    ProviderError,
    UpstreamRejected,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent
from llmchat.providers.gguf_header import NotGguf, context_length
from llmchat.providers.llama import LlamaServer, Load, installed
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.wrapper import Forgetful
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

# Models are made for up to millions of tokens, whose memory few machines have.
_CONTEXT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class _Running:
    server: LlamaServer
    provider: OpenAIProvider

    async def aclose(self) -> None:
        await self.provider.aclose()
        await self.server.aclose()


class GgufProvider(Forgetful):
    """A Provider over one file at `path`, offered as `model`.

    `slots` answers are written at once, further ones wait; each has a context of `context_tokens`,
    or of what the model was made for if that is less. A server that dies is started again by the
    next question.
    """

    SLOTS = 2

    def __init__(
        self,
        name: str,
        *,
        path: Path,
        model: str | None = None,
        gpu_layers: int = -1,
        slots: int = SLOTS,
        context_tokens: int | None = None,
        prefills: bool = True,
    ) -> None:
        self.prefills = prefills
        self._name = name
        self._path = path
        self._model = model or path.stem
        self._gpu_layers = gpu_layers
        self._slots = slots
        self._context_tokens = context_tokens or _CONTEXT_TOKENS
        self._tasks = TaskSet()
        self._loading: asyncio.Task[_Running] | None = None

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        if prompt.model != self._model:
            raise UpstreamRejected(
                f"{self._name} has no model {prompt.model!r}; its one model is "
                f"{self._name}/{self._model}."
            )
        running = await self._run()
        try:
            async with aclosing(running.provider.stream(prompt)) as batches:
                async for batch in batches:
                    yield batch
        except (UpstreamUnavailable, UpstreamTruncated) as error:
            reason = await running.server.end()
            if reason is None:
                raise
            raise type(error)(f"The llama.cpp of {self._name} ended: {reason}") from None

    async def models(self) -> Sequence[Model]:
        """From the beginning of the file; nothing is loaded for it."""
        return [Model(self._model, self._name, context_window=await self._look())]

    async def aclose(self) -> None:
        loading, self._loading = self._loading, None
        await self._tasks.cancel_all()
        if (running := _result(loading)) is not None:
            await running.aclose()

    async def _run(self) -> _Running:
        """The one that runs. Whoever waits for it may leave: it goes on loading for the next."""
        running = _result(self._loading)
        if self._loading is None or (
            self._loading.done() and (running is None or running.server.ended)
        ):
            self._loading = self._tasks.start(self._load(running), name=f"load {self._name}")
        loading = self._loading
        await asyncio.wait([loading])
        if loading.cancelled():
            raise UpstreamUnavailable(f"{self._name} is being closed.")
        return loading.result()

    async def _load(self, ended: _Running | None) -> _Running:
        if ended is not None:
            await ended.aclose()
        context_tokens = await self._look()
        begun = time.perf_counter()
        server = await LlamaServer.start(
            Load(
                path=str(self._path),
                model=self._model,
                gpu_layers=self._gpu_layers,
                slots=self._slots,
                context_tokens=context_tokens,
            )
        )
        _log.info(
            "A model was loaded",
            provider=self._name,
            file=str(self._path),
            seconds=round(time.perf_counter() - begun, 1),
        )
        provider = OpenAIProvider(
            self._name,
            base_url=f"{server.url}/v1",
            api_key=server.key,
            headers={},
            models=(self._model,),
            prefills=self.prefills,
            thinking_switch="chat_template_kwargs",
        )
        return _Running(server, provider)

    async def _look(self) -> int:
        """How many tokens a context has. Raises ProviderError when the model cannot be loaded for a
        reason that is seen at once."""
        if not installed():
            raise ProviderError(
                f"{self._name} needs llama.cpp, which is not installed: "
                'pip install "llmchat[local]".'
            )
        try:
            made_for = await asyncio.to_thread(context_length, self._path)
        except NotGguf:
            raise ProviderError(
                f"{self._path} is no GGUF file; the path of {self._name} has to name one, such as "
                "those that Hugging Face has under the name of a model and GGUF."
            ) from None
        except OSError as error:
            raise ProviderError(
                f"{self._path} cannot be read ({error.strerror}): check the path of {self._name}, "
                "which is relative to the working directory."
            ) from None
        return min(self._context_tokens, made_for or self._context_tokens)


def _result(task: asyncio.Task[_Running] | None) -> _Running | None:
    if task is None or not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()
