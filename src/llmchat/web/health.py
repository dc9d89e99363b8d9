"""Whether the process lives, and whether it should be given work."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from llmchat.web.deps import Use

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok", "unavailable"]
    version: str
    durability: str
    """What a shown token survives: `process` a kill -9 of the server, `disk` a power loss too."""
    reasons: list[str]


class Live(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    status: Literal["ready", "not ready"]
    reasons: list[str]


@router.get("/health")
async def health(use: Use) -> Health:
    """Version and overall state."""
    reasons = list(await use.not_ready())
    return Health(
        status="unavailable" if reasons else "ok",
        version=use.version,
        durability=use.durability,
        reasons=reasons,
    )


@router.get("/health/live")
async def live() -> Live:
    """The process runs and answers; restart it when this does not."""
    return Live()


@router.get("/health/ready", responses={503: {"model": Ready}})
async def ready(use: Use, response: Response) -> Ready:
    """Send traffic here; 503 with the reasons while it should go elsewhere."""
    reasons = list(await use.not_ready())
    if reasons:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Ready(status="not ready" if reasons else "ready", reasons=reasons)
