"""What the environment and `.env` say, in the shape of the settings."""

from collections.abc import Mapping

from pydantic import SecretStr

from llmchat.config.complaints import Location, Origin
from llmchat.config.fields import Env
from llmchat.config.presets import Found, find_providers
from llmchat.config.variables import Variables


class VariablesLayer:
    """The values that variables set, and for each value the variable that it comes from."""

    def __init__(self, variables: Variables, fields: Mapping[str, Env]) -> None:
        self.values: dict[str, object] = {}
        self.origins: dict[Location, Origin] = {}
        for field, env in fields.items():
            variable = variables.find(*env.names, secret=env.secret)
            if variable is not None:
                self.values[field] = variable.value
                self.origins[field,] = Origin(str(variable), _hint(variable.name, env))
        tables = {found.name: self._table(found) for found in find_providers(variables)}
        if tables:
            self.values["providers"] = tables

    def _table(self, found: Found) -> dict[str, object]:
        # A base URL that no variable names is left out: the TOML file may have another.
        table: dict[str, object] = {"source": found.source}
        if found.url is not None:
            table["base_url"] = found.base_url
            self.origins["providers", found.name, "base_url"] = Origin(str(found.url))
        if found.key is not None:
            table["api_key"] = SecretStr(found.key.value)
            self.origins["providers", found.name, "api_key"] = Origin(str(found.key))
        if found.model is not None:
            table["models"] = [found.model.value]
            self.origins["providers", found.name, "models"] = Origin(str(found.model))
        return table


def _hint(name: str, env: Env) -> str:
    wins = env.names[0]
    if name.removesuffix("_FILE") == wins:
        return ""
    return f"If {name} is meant for another program, set {wins}= (empty means unset)."
