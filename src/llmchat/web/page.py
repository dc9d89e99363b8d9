"""The chat page at /, and the files that it and the API console are made of."""

from os import PathLike, stat_result
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from llmchat.web.docs import STATIC
from llmchat.web.routing import Router

router = Router(include_in_schema=False)

# Trusted Types: no text becomes markup or a script but what DOMPurify made of it. Pictures that
# are elsewhere stay there: to load one would tell that server who reads what.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify"
)
# Not as this machine's tables have it: with `nosniff`, a browser runs no module of another type.
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}


class _Files(StaticFiles):
    """Asked for anew each time, by their ETag: after an update, old and new modules never mix."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        if (known := _TYPES.get(Path(full_path).suffix)) and response.status_code == 200:
            response.headers["Content-Type"] = known
        return response


_FILES = _Files(directory=STATIC)


@router.head("/")
@router.get("/")
async def page(request: Request) -> Response:
    return await _guarded("page/index.html", request)


@router.head("/shared")
@router.get("/shared")
async def shared(request: Request) -> Response:
    """What a link of a conversation opens; its secret is behind the `#`, which no server sees."""
    return await _guarded("page/shared.html", request)


async def _guarded(file: str, request: Request) -> Response:
    response = await _FILES.get_response(file, request.scope)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def mount_static(app: FastAPI) -> None:
    app.mount("/static", _FILES, name="static")
