"""The API console at /docs, from files of our own: it works with the network off."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse
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
_OWN_FILES_ONLY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:"
)


@router.head("/")
@router.get("/")
async def page() -> FileResponse:
    return FileResponse(_STATIC / "page" / "index.html", headers={"Cache-Control": "no-cache"})


@router.head("/docs")
@router.get("/docs")
async def console() -> HTMLResponse:
    console = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="llmchat API",
        swagger_js_url="/static/swagger/swagger-ui-bundle.js",
        swagger_css_url="/static/swagger/swagger-ui.css",
        swagger_favicon_url="/static/swagger/favicon-32x32.png",
        swagger_ui_parameters=_CONSOLE,
    )
    console.headers["Content-Security-Policy"] = _OWN_FILES_ONLY
    return console


def mount_static(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
