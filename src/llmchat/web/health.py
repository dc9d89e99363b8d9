"""Whether the process lives, and whether it should be given work."""

from typing import Literal

from fastapi import Response

from llmchat.web import examples
from llmchat.web.deps import Use
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape

router = Router(tags=["health"])


class Health(Shape):
    status: Literal["ok", "degraded", "unavailable"]
    """`degraded`: devices are not heard, and all else works."""
    version: str
    durability: str
    """What a shown token survives: `process` a kill -9 of the server, `disk` a power loss too."""
    reasons: list[str]
    """Why it is unavailable."""
    warnings: list[str]
    """Which promises do not hold as it is set up."""
    mqtt: Literal["connected", "away"] | None
    """The broker over which devices are heard; null where the settings name none."""


class Live(Shape):
    status: Literal["ok"] = "ok"


class Ready(Shape):
    status: Literal["ready", "not ready"]
    reasons: list[str]
    """Why it is not ready."""
    warnings: list[str]
    """Which promises do not hold as it is set up."""


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def health(use: Use) -> Health:
    """See how the service is. Its version and overall state."""
    reasons = list(await use.not_ready())
    broker = use.broker.connected
    return Health(
        status="unavailable" if reasons else "degraded" if broker is False else "ok",
        version=use.version,
        durability=use.durability,
        reasons=reasons,
        warnings=list(await use.warnings()),
        mqtt=None if broker is None else "connected" if broker else "away",
    )


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live")
async def live() -> Live:
    """Ask whether the process lives. It runs and answers: restart it when this does not."""
    return Live()


@router.head("/health/ready", include_in_schema=False)
@router.get(
    "/health/ready",
    responses={
        503: {
            "model": Ready,
            "description": "Not ready, and why.",
            "content": {"application/json": {"example": examples.NOT_READY}},
        }
    },
)
async def ready(use: Use, response: Response) -> Ready:
    """Ask whether to send traffic here. 503 with the reasons while it should go elsewhere."""
    reasons = list(await use.not_ready())
    if reasons:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Ready(
        status="not ready" if reasons else "ready",
        reasons=reasons,
        warnings=list(await use.warnings()),
    )
