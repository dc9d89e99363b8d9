"""The TOML file: found, read, and brought into the shape of the settings."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from llmchat.config.provider import FILLED_IN
from llmchat.config.variables import Variable, read_secret

CONFIG_NAME = "LLMCHAT_CONFIG"
DEFAULT_FILE = "llmchat.toml"


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file that somebody asked for, or the one in the working directory, which may be absent."""

    path: Path
    asked_for_by: str | None
    cwd: Path
    problems: list[str]

    @classmethod
    def choose(
        cls, flag: Path | None, variable: Variable | None, cwd: Path, problems: list[str]
    ) -> "TomlFile":
        if flag is not None:
            return cls(cwd / flag, "--config", cwd, problems)
        if variable is not None:
            return cls(cwd / os.path.expanduser(variable.value), str(variable), cwd, problems)
        return cls(cwd / DEFAULT_FILE, None, cwd, problems)

    def read(self) -> dict[str, object]:
        if self.asked_for_by is None and not self.path.exists():
            return {}
        try:
            values = tomllib.loads(self.path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            asked = f" (asked for by {self.asked_for_by})" if self.asked_for_by else ""
            self.problems.append(f"{self.path}: cannot read it: {error.strerror}{asked}.")
            return {}
        except ValueError as error:
            self.problems.append(f"{self.path}: not a TOML file: {error}.")
            return {}
        return self._shape(values)

    def _shape(self, values: Mapping[str, object]) -> dict[str, object]:
        shaped = _without_empty(values)
        providers = shaped.get("providers")
        if isinstance(providers, dict):
            shaped["providers"] = {
                name: self._shape_provider(f"providers.{name}", table)
                for name, table in providers.items()
            }
        routes = shaped.get("routes")
        if isinstance(routes, dict):
            shaped["routes"] = {
                name: _without_empty(table) if isinstance(table, dict) else table
                for name, table in routes.items()
            }
        webhooks = shaped.get("webhooks")
        if isinstance(webhooks, dict):
            shaped["webhooks"] = {
                name: self._with_secret(f"webhooks.{name}", table, "secret")
                for name, table in webhooks.items()
            }
        return shaped

    def _shape_provider(self, where: str, table: object) -> object:
        if not isinstance(table, dict):
            return table
        for key in table.keys() & FILLED_IN:
            self._complain(f"{where}.{key}", "no such setting; take it out.")
        fields = self._with_secret(where, table, "api_key")
        return fields | {"source": self.path.name, "optional": False}

    def _with_secret(self, where: str, table: Any, key: str) -> Any:
        """The table with what its `key` holds, or the file that its `key`_file names."""
        if not isinstance(table, dict):
            return table
        fields = _without_empty(table)
        pointer = fields.pop(f"{key}_file", None)
        if pointer is not None and key in fields:
            self._complain(where, f"{key} and {key}_file are both set; take one of them out.")
        elif pointer is not None:
            fields[key] = self._secret(f"{where}.{key}_file", str(pointer))
        secret = fields.get(key)
        if isinstance(secret, str):
            fields[key] = SecretStr(secret)
        return fields

    def _secret(self, where: str, pointer: str) -> SecretStr | None:
        try:
            return SecretStr(read_secret(self.cwd / os.path.expanduser(pointer)))
        except ValueError as error:
            self._complain(where, f"{error}.")
            return None

    def _complain(self, where: str, sentence: str) -> None:
        self.problems.append(f"{where} in {self.path.name}: {sentence}")


def _without_empty(values: Mapping[str, object]) -> dict[str, object]:
    """An empty text means unset, as it does in the environment."""
    return {key: value for key, value in values.items() if value != ""}
