"""`llmchat check`: looks at everything that llmchat needs, and says what to do about the rest."""

import asyncio
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from llmchat import datadir, devices
from llmchat.catalogue import providers_of, token_counter
from llmchat.clock import Clock
from llmchat.domain import Model, Params, Role
from llmchat.engines import database_path, open_database, schema_url
from llmchat.errors import (
    DataDirLocked,
    Invalid,
    KindUnusable,
    LlmchatError,
    StorageUnavailable,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamTruncated,
)
from llmchat.lock import decided
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import Health
from llmchat.providers.factory import ProviderFactory, Source
from llmchat.redis import RedisClient, broken_promises
from llmchat.settings import Settings
from llmchat.store import migrations
from llmchat.store.outbox import SqlOutbox
from llmchat.webhooks.addresses import Unreachable, addresses_of
from llmchat.webhooks.base import Waiting
from llmchat.webhooks.posting import place_of

_ANSWER_SECONDS = 30.0
# Some servers want no fewer, and some models think with the first ones.
_MOST_TOKENS = 16
_MODELS_ASKED = 3
_LATE_SECONDS = 3600.0
_ANY_MODEL = "demo/echo"
# Nobody names these in a list, but they are in it: OpenAI's has them all.
_NO_CHAT = re.compile(
    "embed|whisper|tts|audio|realtime|transcri|speech|dall-e|image|sora|video|moderation|rerank"
    "|guard|instruct-0914|davinci|babbage|bge|clip|ocr|aqa|imagen|veo|codex|deep-research",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    text: str
    is_fault: bool = False

    @property
    def mark(self) -> str:
        return "✗" if self.is_fault else "✓"


async def examine(settings: Settings, *, requests: bool = True) -> Sequence[Finding]:
    """All findings, the good ones too. With `requests`, every provider that is there is asked for a
    few tokens, which may cost something."""
    place = await _redis(settings.redis_url) if settings.redis_url else _data_dir(settings.data_dir)
    return [
        Finding("The settings can be used."),
        place,
        await asyncio.to_thread(_schema, settings),
        *await _broker(settings),
        *await _webhooks(settings),
        *await _providers(settings, requests=requests),
    ]


def _data_dir(path: Path) -> Finding:
    try:
        with datadir.locked(path), tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x")
    except DataDirLocked:
        return Finding(f"{path.absolute()} is in use by a running llmchat.")
    except (StorageUnavailable, OSError) as error:
        return Finding(f"The data directory cannot be written: {error}", is_fault=True)
    return Finding(f"{path.absolute()} can be written.")


async def _redis(url: str) -> Finding:
    async with aclosing(RedisClient(url)) as client:
        try:
            broken = await broken_promises(client)
        except StorageUnavailable as error:
            return Finding(error.detail, is_fault=True)
    if broken:
        return Finding(" ".join(broken), is_fault=True)
    return Finding("Redis answers, and keeps what it is given.")


async def _broker(settings: Settings) -> list[Finding]:
    if settings.mqtt_url is None:
        return []
    try:
        await devices.ask_broker(settings)
    except LlmchatError as error:
        return [Finding(error.detail, is_fault=True)]
    # Of a database that cannot be asked another finding tells.
    with suppress(StorageUnavailable):
        settings = await asyncio.to_thread(decided, settings)
    if settings.auth == "keys" and not (settings.mqtt_key_id or settings.mqtt.allow):
        text = "The MQTT broker answers, and nobody may speak over it: set LLMCHAT_MQTT_KEY_ID."
        return [Finding(text, is_fault=True)]
    return [Finding("The MQTT broker answers.")]


async def _webhooks(settings: Settings) -> list[Finding]:
    """Nothing is sent: a receiver would take it for something that has happened."""
    if not settings.all_webhooks:
        return []
    found = [await _address(settings, name) for name in settings.all_webhooks]
    path = database_path(settings)
    if path is not None and not path.exists():
        return found
    async with AsyncExitStack() as stack:
        # Of a database that cannot be asked another finding tells.
        with suppress(StorageUnavailable):
            outbox = SqlOutbox(await open_database(settings, stack), Clock().now)
            for name in settings.all_webhooks:
                found += _late(name, await outbox.waiting(name))
    return found


async def _address(settings: Settings, name: str) -> Finding:
    webhook = settings.all_webhooks[name]
    try:
        host, port = place_of(webhook.url)
        addresses = await addresses_of(host, port, private=settings.webhook_private_addresses)
    except Unreachable as error:
        return Finding(f"The webhook {name} reaches nobody: {error}.", is_fault=True)
    signed = "one secret" if len(webhook.keys) == 1 else f"{len(webhook.keys)} secrets"
    return Finding(
        f"The webhook {name} goes to {host} ({', '.join(addresses)}), signed with {signed}."
    )


def _late(name: str, waiting: Waiting) -> list[Finding]:
    if waiting.oldest_seconds < _LATE_SECONDS:
        return []
    hours = waiting.oldest_seconds / 3600
    text = (
        f"The webhook {name} has not taken what it is sent: {waiting.count} wait, the oldest for "
        f"{hours:.1f} hours. The service's log says why (`A webhook was not taken`)."
    )
    return [Finding(text, is_fault=True)]


def _schema(settings: Settings) -> Finding:
    path = database_path(settings)
    if path is not None and not path.exists():
        return Finding(f"{path} does not exist yet; `llmchat serve` makes it.")
    name = path or "Postgres"
    try:
        current, wanted = migrations.revisions(schema_url(settings))
    except (SQLAlchemyError, StorageUnavailable) as error:
        return Finding(f"{name} cannot be read: {error}", is_fault=True)
    if current != wanted:
        text = f"{name} has schema {current}, and {wanted} is wanted: `llmchat db upgrade`."
        return Finding(text, is_fault=True)
    return Finding(f"{name} has the newest schema, {current}.")


async def _providers(settings: Settings, *, requests: bool) -> list[Finding]:
    try:
        opened = providers_of(settings, token_counter())
    except KindUnusable as error:
        return [Finding(error.detail, is_fault=True)]
    async with aclosing(opened) as factory:
        health = await factory.health()
        findings = [it for source in factory.sources for it in _presence(source, health)]
        findings += _default_model(factory, settings.default_model)
        up = list(dict.fromkeys(it.provider for it in health if it.status != "down"))
        if requests:
            findings += await _answers(factory, up, settings)
    return findings


def _presence(source: Source, health: Sequence[Health]) -> Sequence[Finding]:
    """Of each of its servers; those that were only looked for are in no list when they are away."""
    its = [it for it in health if it.provider == source.name]
    if not its:
        return [Finding(f"{source.name}: not there ({source.found}), not needed.")]
    return [_state(source, it) for it in its]


def _state(source: Source, health: Health) -> Finding:
    if health.status == "down":
        return Finding(f"{source.name} ({source.found}): {health.detail}", is_fault=True)
    text = f"{source.name} ({health.url}) answers in {health.latency_ms} ms"
    note = f"; {health.detail}" if health.detail else f", for example with {health.model}."
    return Finding(text + note, is_fault=health.lacks)


def _default_model(factory: ProviderFactory, name: str | None) -> list[Finding]:
    try:
        factory.resolve(name or _ANY_MODEL)
    except Invalid as error:
        return [Finding(f"The default model cannot be used. {error.detail}", is_fault=True)]
    return []


async def _answers(
    factory: ProviderFactory, up: Sequence[str], settings: Settings
) -> Sequence[Finding]:
    """What each provider says to one real request."""
    listed = await factory.available()
    named = {name for name, it in settings.providers.items() if it.models}
    meant = _meant(settings)
    asked = [
        _answer(factory, models, is_named=provider in named or provider in meant)
        for provider in up
        if (models := _candidates(provider, listed, meant.get(provider)))
    ]
    return await asyncio.gather(*asked)


def _meant(settings: Settings) -> Mapping[str, str]:
    """Of each provider the model that the settings count on: the default, else one of a route."""
    routed = [model for route in settings.routes.values() for model in route.models]
    first = [settings.default_model] if settings.default_model else []
    return {model.partition("/")[0]: model for model in reversed([*first, *routed])}


def _candidates(provider: str, listed: Sequence[Model], meant: str | None) -> Sequence[str]:
    """The models to ask: the one that is meant, or a few that look as if they chat."""
    if meant is not None:
        return [meant]
    ids = [model.id for model in listed if model.provider == provider]
    return [id for id in ids if not _NO_CHAT.search(id)][:_MODELS_ASKED] or ids[:1]


async def _answer(factory: ProviderFactory, models: Sequence[str], *, is_named: bool) -> Finding:
    """Of the first that does not refuse. Where nobody named one, a refusal shows nothing else than
    that it was the wrong model."""
    refusal = ""
    for model in models:
        begun = time.perf_counter()
        try:
            await _begin(factory, model)
        except LlmchatError as error:
            refusal = error.detail
            if is_named or not isinstance(error, UpstreamRejected):
                return Finding(f"{model} does not answer: {refusal}", is_fault=True)
        else:
            return Finding(f"{model} begins to answer in {time.perf_counter() - begun:.1f} s.")
    return Finding(
        f"{models[-1]} was only a guess, and does not answer; name a model in LLM_MODEL to see it "
        f"tried. {refusal}"
    )


async def _begin(factory: ProviderFactory, model: str) -> None:
    """The beginning of a tiny answer: any sign of the model's work will do, for one that thinks may
    not get further than that. Raises ProviderError, Invalid."""
    provider, name = factory.resolve(model)
    prompt = Prompt(name, [PromptMessage(Role.USER, "Say ok.")], Params(max_tokens=_MOST_TOKENS))
    async with aclosing(provider.stream(prompt)) as batches:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                begun = await anext(batches, None)
        except TimeoutError:
            raise UpstreamTimeout(
                f"It did not begin within {_ANSWER_SECONDS:g} seconds. It may still be loading: "
                "try again in a minute."
            ) from None
    if begun is None:
        raise UpstreamTruncated("It ended without an answer.")
