"""The API console at /docs, from files of our own: it works with the network off."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from llmchat.web.routing import Router

STATIC = Path(str(files("llmchat").joinpath("static")))

router = Router(include_in_schema=False)

_CONSOLE = {
    # Without it, the console sends the document to a validator on the internet.
    "validatorUrl": None,
    "tryItOutEnabled": True,
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,
    "requestSnippetsEnabled": True,
}


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


def _policy(page: str) -> str:
    """Only what is in the page itself, byte for byte, and files of this server."""
    return (
        f"default-src 'none'; script-src 'self' {' '.join(_hashes(page))}; "
        # Swagger UI writes style attributes as it goes.
        "style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _hashes(page: str) -> list[str]:
    """https://www.w3.org/TR/CSP3/#grammardef-hash-source"""
    inline = re.findall(r"<script(?:\s[^>]*)?>(.*?)</script>", page, re.DOTALL)
    digests = (sha256(text.encode()).digest() for text in inline if text.strip())
    return [f"'sha256-{b64encode(digest).decode()}'" for digest in digests]


_SWAGGER = _console_page()
_HEADERS_OF_CONSOLE = {"Content-Security-Policy": _policy(_SWAGGER)}


@router.head("/docs")
@router.get("/docs")
async def console() -> HTMLResponse:
    return HTMLResponse(_SWAGGER, headers=_HEADERS_OF_CONSOLE)
