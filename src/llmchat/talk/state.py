"""Which conversation to go on with: a small file in the user's state directory."""

import json
import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

_MOST_SERVICES = 50


class State:
    """The last conversation of each service, by its address. A file that is missing or broken is
    an empty one, and one that cannot be written is no reason not to talk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def conversation(self, url: str) -> str | None:
        return self._read().get(url)

    def remember(self, url: str, conversation: str) -> None:
        # The newest last, so that it is the oldest that is forgotten.
        kept = {name: id for name, id in self._read().items() if name != url}
        kept[url] = conversation
        newest = dict(list(kept.items())[-_MOST_SERVICES:])
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Moved into its place: another terminal reads all of it, or what was there before.
            with NamedTemporaryFile("w", dir=self._path.parent, delete=False) as file:
                json.dump({"conversations": newest}, file)
            Path(file.name).replace(self._path)

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))["conversations"]
            return {str(url): str(id) for url, id in found.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def default_path() -> Path:
    """https://specifications.freedesktop.org/basedir-spec/latest/"""
    home = os.environ.get("XDG_STATE_HOME", "")
    root = Path(home) if home.startswith("/") else Path(os.path.expanduser("~/.local/state"))
    return root / "llmchat" / "chat.json"
