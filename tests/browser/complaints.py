"""What a browser says about a page that does what it should not."""

from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Request, WebError

_NETWORK = ("Failed to load resource", "WebSocket connection to")


class Complaints:
    """Listens to all tabs of a profile: uncaught errors, errors on the console, dialogs, and
    requests to a second origin."""

    def __init__(self, profile: BrowserContext) -> None:
        self._found: list[str] = []
        self._origins: set[str] = set()
        profile.on("weberror", self._error)
        profile.on("console", self._console)
        profile.on("dialog", self._dialog)
        profile.on("request", self._request)

    @property
    def all(self) -> list[str]:
        """Every complaint in its order."""
        return [*self._found, *sorted(self._origins)[1:]]

    @property
    def but_network(self) -> list[str]:
        """Without what Chromium itself notes for each request that fails."""
        return [found for found in self.all if not any(said in found for said in _NETWORK)]

    def _error(self, error: WebError) -> None:
        self._found.append(f"uncaught: {error.error}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._found.append(f"{message.type}: {message.text}")

    async def _dialog(self, dialog: Dialog) -> None:
        self._found.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob"):
            self._origins.add(f"{url.scheme}://{url.netloc}")
