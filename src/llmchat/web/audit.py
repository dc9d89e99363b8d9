"""What a request did, for the audit."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import Request

from llmchat.access.audit import Audit
from llmchat.access.base import Action, Actor, Outcome, Principal
from llmchat.errors import StorageUnavailable
from llmchat.ids import KeyId
from llmchat.web.auth import door_of, principal_of


async def note(
    request: Request,
    action: Action,
    object_id: str | None,
    *,
    by: Principal | None = None,
    outcome: Outcome = Outcome.DONE,
) -> None:
    """Call it when it is done. `by` is the caller of the request when it is left out."""
    principal = by or await principal_of(request)
    await _audit_of(request).record(
        Actor(principal.user, principal.key_id, **_request_of(request)), action, object_id, outcome
    )


async def note_of_key(request: Request, action: Action, key_id: KeyId) -> None:
    """The same for what only a key is known of, which nobody looks up again."""
    actor = Actor(None, key_id, **_request_of(request))
    await _audit_of(request).record(actor, action, None)


@asynccontextmanager
async def noting(request: Request, action: Action, object_id: str) -> AsyncGenerator[None, None]:
    """Notes what the block does: not what is refused, but what may have been done before the
    storage failed."""
    try:
        yield
    except StorageUnavailable:
        await note(request, action, object_id, outcome=Outcome.UNKNOWN)
        raise
    await note(request, action, object_id)


def _audit_of(request: Request) -> Audit:
    audit: Audit = request.app.state.services.audit
    return audit


def _request_of(request: Request) -> dict[str, str | None]:
    return {
        "address": door_of(request).address_of(request),
        "request_id": request.scope.get("state", {}).get("request_id"),
    }
