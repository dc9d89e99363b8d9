"""Who did what, and when: a row and a line of the log for each action that counts."""

from collections.abc import Callable
from datetime import datetime

import structlog

from llmchat.access.base import Action, Actor, AuditEntry, AuditStore, Outcome
from llmchat.errors import StorageUnavailable

_log = structlog.get_logger(__name__)


class Audit:
    """`now` gives the time of an entry."""

    def __init__(self, store: AuditStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def record(
        self,
        actor: Actor,
        action: Action,
        object_id: str | None,
        outcome: Outcome = Outcome.DONE,
    ) -> None:
        """Never fails: what was done is done. Where it cannot be stored, the log has it, twice."""
        entry = AuditEntry(self._now(), actor, action, object_id, outcome)
        fields = {
            "action": str(action),
            "object_id": object_id,
            "user": actor.user,
            "key_id": actor.key_id,
            "address": actor.address,
            "request_id": actor.request_id,
            "outcome": str(outcome),
        }
        # First: a process that dies in the next moment has said it.
        _log.info("Audit", **fields)
        try:
            await self._store.add(entry)
        except StorageUnavailable as error:
            _log.error("An action is not in the audit table", error=error.detail, **fields)
