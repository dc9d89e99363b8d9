"""All that is measured in a process, by where it happens."""

from collections.abc import Collection

from llmchat.metrics.answers import AnswerMeters
from llmchat.metrics.board import Board
from llmchat.metrics.doors import DoorMeters
from llmchat.metrics.models import ModelNames
from llmchat.metrics.pulse import Pulse
from llmchat.metrics.registry import Registry
from llmchat.metrics.spent import SpentMeters
from llmchat.metrics.storage import StorageMeters
from llmchat.metrics.upstreams import UpstreamMeters
from llmchat.metrics.webhooks import WebhookMeters


class Meters:
    """`models` are those whose names are known before any has answered; `engines` says where data
    are kept; `webhooks` names who is told. With a `board`, of one of its workers."""

    def __init__(
        self,
        *,
        version: str,
        engines: str,
        models: Collection[str],
        webhooks: Collection[str] = (),
        board: Board | None = None,
    ) -> None:
        self.registry = registry = Registry(board)
        names = ModelNames(models)
        self.answers = AnswerMeters(registry, names)
        self.spent = SpentMeters(registry, names)
        self.doors = DoorMeters(registry)
        self.storage = StorageMeters(registry)
        self.upstreams = UpstreamMeters(registry)
        self.webhooks = WebhookMeters(registry, webhooks)
        self.pulse = Pulse(registry, version=version, engines=engines)
