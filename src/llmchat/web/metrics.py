"""What Prometheus reads."""

from hmac import compare_digest

from fastapi import Request, Response

from llmchat.access.base import Scope
from llmchat.errors import NotFound
from llmchat.web.auth import principal_of
from llmchat.web.deps import Use
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.watched import Figures

router = Router(tags=["health"])

_EXAMPLE = """# HELP llmchat_live_generations Answers that are being written here.
# TYPE llmchat_live_generations gauge
llmchat_live_generations{kind="generation"} 3.0
"""


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format, or OpenMetrics where `Accept` asks for it.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **documented(401, 403, 404, 429, 503),
    },
)
async def metrics(request: Request, use: Use) -> Response:
    """Read the figures of the service. Counts and times for Prometheus, of all its workers; no
    texts, ids or users. For an admin's key, or the token of `LLMCHAT_METRICS_TOKEN`; 404 where they
    are switched off."""
    await _admit(request, use.figures)
    text, media_type = await use.figures.text(request.headers.get("accept", ""))
    # Whole, with its parameters: the framework would add a charset.
    return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


async def _admit(request: Request, figures: Figures) -> None:
    if figures.shown_to == "off":
        raise NotFound("The figures are switched off here: the operator sets LLMCHAT_METRICS.")
    if figures.shown_to == "open" or _has_token(request, figures):
        return
    (await principal_of(request)).require(Scope.ADMIN)


def _has_token(request: Request, figures: Figures) -> bool:
    """Asks no database: when that is away, the figures say so."""
    if figures.token is None:
        return False
    wanted = f"Bearer {figures.token.get_secret_value()}".encode()
    return compare_digest(request.headers.get("authorization", "").encode(), wanted)
