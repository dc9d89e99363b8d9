"""The custom model behind a WebSocket: one connection for each answer, JSON in every frame."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime

from llmchat.domain import Json, Model
from llmchat.errors import UpstreamTruncated, UpstreamUnavailable
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent
from llmchat.providers.websocket_client import WebSocketClient
from llmchat.providers.websocket_dialect import Dialect
from llmchat.providers.websocket_frames import FrameReader, request_frame
from llmchat.providers.wrapper import Forgetful

DEFAULT_MODEL = "default"
"""The one model of a server that is not known to have several: no request names it."""
_HANDSHAKE_SECONDS = 5.0


class WebSocketProvider(Forgetful):
    """A Provider that sends one frame and reads frames until the answer is whole.

    The wire has no list of models: `models` are those that the operator names, and DEFAULT_MODEL
    when there are none. With `streams` the server is asked to send its answer piece by piece.
    """

    def __init__(
        self,
        name: str,
        *,
        url: str,
        api_key: str | None,
        headers: Mapping[str, str],
        models: Sequence[str] = (),
        prefills: bool = False,
        dialect: Dialect | None = None,
        metadata: Json | None = None,
        streams: bool = True,
        ping_seconds: float = 20,
    ) -> None:
        self.prefills = prefills
        self._name = name
        self._models = models
        self._dialect = dialect or Dialect()
        self._metadata = metadata or {}
        self._streams = streams
        self._client = WebSocketClient(
            name, url=url, api_key=api_key, headers=headers, ping_seconds=ping_seconds
        )

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        frame = self._frame(prompt)
        reader = FrameReader(
            self._dialect,
            streams=self._streams,
            hide_reasoning=bool(prompt.params.skip_thinking),
        )
        try:
            async with self._client.open() as conversation:
                await conversation.say(frame)
                while not reader.over and (messages := await conversation.hear()):
                    events, thought = _read(reader, messages)
                    if events or thought:
                        yield events
        except UpstreamUnavailable as error:
            if reader.begun:
                raise _in_mid_answer(error) from None
            raise
        if events := reader.end():
            yield events
        if reader.error is not None:
            raise self._client.quiet(reader.error)

    async def models(self) -> Sequence[Model]:
        """Only when the server takes a connection."""
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS), self._client.open():
                pass
        except TimeoutError:
            raise UpstreamUnavailable(
                f"{self._client.where} took no connection in {_HANDSHAKE_SECONDS:g} seconds."
            ) from None
        return [Model(model, self._name) for model in self._models or (DEFAULT_MODEL,)]

    async def aclose(self) -> None:
        """Every answer has a connection of its own."""

    def _frame(self, prompt: Prompt) -> bytes:
        named = bool(self._models) or prompt.model != DEFAULT_MODEL
        return request_frame(
            prompt,
            self._dialect,
            model=prompt.model if named else None,
            stream=self._streams,
            metadata=self._metadata,
            at=datetime.now(UTC),
        )


def _read(reader: FrameReader, messages: Sequence[bytes]) -> tuple[list[ProviderEvent], bool]:
    """The events of these messages, up to the end, and whether one of them was a hidden thought."""
    events: list[ProviderEvent] = []
    thought = False
    for message in messages:
        events += reader.feed(message)
        thought = thought or reader.thought
        if reader.over:
            break
    return events, thought


def _in_mid_answer(error: UpstreamUnavailable) -> UpstreamTruncated:
    return UpstreamTruncated(
        f"The answer broke off; what came is kept, ask again for a whole one. {error.detail}"
    )
