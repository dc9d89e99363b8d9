"""The logs of a shared store that are of interest in this process."""

import asyncio
from collections.abc import Iterator

from llmchat.ids import GenerationId, WorkerId
from llmchat.tokenlog.mirror import Mirror
from llmchat.tokenlog.tail import Tail

# A log that is not there may come back: its owner stores it again, or its next one restores it.
_MISSING_SECONDS = 60.0


class Mirrors:
    """Those that are written here, and those that somebody here reads, until their end."""

    def __init__(self) -> None:
        self._mirrors: dict[GenerationId, Mirror] = {}
        self._released = False

    def __iter__(self) -> Iterator[Mirror]:
        return iter(list(self._mirrors.values()))

    def __contains__(self, log: GenerationId) -> bool:
        return log in self._mirrors

    def get(self, log: GenerationId) -> Mirror | None:
        return self._mirrors.get(log)

    def made(self, log: GenerationId, writer: WorkerId | None = None) -> Mirror:
        """The one there is, or a new one."""
        return self._mirrors.setdefault(log, self.view(log, writer))

    def view(self, log: GenerationId, writer: WorkerId | None = None) -> Mirror:
        """One that nobody else shares."""
        tail = Tail()
        tail.released = self._released
        return Mirror(log, tail, writer)

    def keep(self, mirror: Mirror) -> None:
        self._mirrors[mirror.name] = mirror

    def drop(self, mirror: Mirror) -> None:
        self._mirrors.pop(mirror.name, None)

    def drop_unread(self) -> None:
        for mirror in self:
            if mirror.writer is None and not mirror.tail.followed:
                self.drop(mirror)

    def release(self) -> None:
        """Let all readers go, now and from now on."""
        self._released = True
        for mirror in self:
            mirror.tail.released = True
            mirror.tail.wake()

    def miss(self, mirror: Mirror) -> None:
        """The store does not have it; after a while it is gone for good."""
        now = asyncio.get_running_loop().time()
        if mirror.missing_since is None:
            mirror.missing_since = now
        elif now - mirror.missing_since > _MISSING_SECONDS:
            self.forget(mirror.name)

    def forget(self, log: GenerationId) -> None:
        """It was deleted: its readers are told."""
        if (mirror := self._mirrors.pop(log, None)) is not None:
            mirror.disown()
            mirror.tail.gone = mirror.tail.sealed = True
            mirror.tail.wake()
