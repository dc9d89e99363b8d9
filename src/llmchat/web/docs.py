"""The API console at /docs, from files of our own: it works with the network off."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_STATIC = Path(str(files("llmchat").joinpath("static")))

router = APIRouter(include_in_schema=False)

_CONSOLE = {
    # Without it, the console sends the document to a validator on the internet.
    "validatorUrl": None,
    "tryItOutEnabled": True,
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,
    "requestSnippetsEnabled": True,
}
_PAGE = (_STATIC / "page" / "index.html").read_text("utf-8")


def _console_page() -> str:
    found = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="llmchat API",
        swagger_js_url="/static/swagger/swagger-ui-bundle.js",
        swagger_css_url="/static/swagger/swagger-ui.css",
        swagger_favicon_url="/static/swagger/favicon-32x32.png",
        swagger_ui_parameters=_CONSOLE,
    )
    return bytes(found.body).decode()


def _policy(page: str, *, styles: str = "") -> str:
    """Only what is in the page itself, byte for byte, and files of this server."""
    scripts = " ".join(_hashes(page, "script"))
    return (
        f"default-src 'none'; script-src 'self' {scripts}; "
        f"style-src 'self' {styles or ' '.join(_hashes(page, 'style'))}; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _hashes(page: str, tag: str) -> list[str]:
    """https://www.w3.org/TR/CSP3/#grammardef-hash-source"""
    inline = re.findall(rf"<{tag}(?:\s[^>]*)?>(.*?)</{tag}>", page, re.DOTALL)
    digests = (sha256(text.encode()).digest() for text in inline if text.strip())
    return [f"'sha256-{b64encode(digest).decode()}'" for digest in digests]


_SWAGGER = _console_page()
# Swagger UI writes style attributes as it goes.
_HEADERS_OF_CONSOLE = {"Content-Security-Policy": _policy(_SWAGGER, styles="'unsafe-inline'")}
_HEADERS_OF_PAGE = {"Content-Security-Policy": _policy(_PAGE), "Cache-Control": "no-cache"}


@router.head("/")
@router.get("/")
async def page() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers=_HEADERS_OF_PAGE)


@router.head("/docs")
@router.get("/docs")
async def console() -> HTMLResponse:
    return HTMLResponse(_SWAGGER, headers=_HEADERS_OF_CONSOLE)


def mount_static(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
