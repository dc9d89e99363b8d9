"""A directory in which an operator writes settings, and loads them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from llmchat.settings import Settings, SettingsError, load_settings


@dataclass(frozen=True)
class Workplace:
    path: Path

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def load(
        self, environ: dict[str, str] | None = None, *, config: Path | None = None, **flags: object
    ) -> Settings:
        return load_settings(config, environ or {}, self.path, **flags)

    def problems(
        self, environ: dict[str, str] | None = None, *, config: Path | None = None, **flags: object
    ) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            self.load(environ, config=config, **flags)
        return list(caught.value.problems)

    def problem(
        self, environ: dict[str, str] | None = None, *, config: Path | None = None, **flags: object
    ) -> str:
        """The only problem that there is."""
        (only,) = self.problems(environ, config=config, **flags)
        return only
