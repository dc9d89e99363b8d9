"""Publications that nobody works on: of a process that is gone, or that had no room."""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from llmchat.ids import GenerationId, WorkerId
from llmchat.store.base import PublicationStore
from llmchat.store.drafts import Publication

ALONE_SECONDS = 5.0
"""How often one looks that is alone: a turn may be stored whose beginning nobody heard of."""


class Unpublished:
    """Looks for them. Alone, whatever nobody here works on is ours. Where it is `shared`, one that
    stands still for a lease has lost its publisher: by our own clock, no wall clock is asked."""

    def __init__(
        self,
        publications: PublicationStore,
        worker: WorkerId,
        *,
        shared: bool,
        lease_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.shared = shared
        self._publications = publications
        self._worker = worker
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._expected, self._answered = 1, 0
        self._again_at = clock()
        self._seen: dict[GenerationId, tuple[WorkerId | None, int, float]] = {}

    def expect(self) -> None:
        """There is something to be found, also where nobody else is."""
        self._expected += 1

    async def look(self, mine: Container[GenerationId], most: int) -> Sequence[Publication]:
        """Those that are ours from now on. Raises StorageUnavailable."""
        expected = self._expected
        if not self.shared and expected == self._answered and self._clock() < self._again_at:
            return ()
        found = [each for each in await self._publications.unfinished() if each.id not in mine]
        abandoned = [each for each in found if self._is_abandoned(each)]
        self._seen = {each.id: self._seen[each.id] for each in found if each.id in self._seen}
        taken = [
            replace(each, publisher=self._worker)
            for each in abandoned[: max(0, most)]
            if await self._publications.take_over(each, self._worker)
        ]
        self._again_at = self._clock() + ALONE_SECONDS
        if len(abandoned) <= most:
            self._answered = expected
        return taken

    def _is_abandoned(self, publication: Publication) -> bool:
        if publication.publisher is None or not self.shared:
            return True
        standing = publication.publisher, publication.beats
        before = self._seen.get(publication.id)
        if before is None or before[:2] != standing:
            self._seen[publication.id] = *standing, self._clock()
            return False
        return self._clock() - before[2] >= self._lease_seconds
