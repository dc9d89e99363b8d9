"""The API console at /docs, from files of our own: it works with the network off."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

_STATIC = Path(str(files("llmchat").joinpath("static")))

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> FileResponse:
    return FileResponse(_STATIC / "page" / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/docs")
async def console() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="llmchat API",
        swagger_js_url="/static/swagger/swagger-ui-bundle.js",
        swagger_css_url="/static/swagger/swagger-ui.css",
        swagger_favicon_url="/static/swagger/favicon-32x32.png",
        # Without it, the console sends the document to a validator on the internet.
        swagger_ui_parameters={"validatorUrl": None, "tryItOutEnabled": True},
    )


def mount_static(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
