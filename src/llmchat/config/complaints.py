"""Validation errors as sentences for whoever wrote the settings, without the values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llmchat.config.variables import no_such_setting

Location = tuple[str, ...]

NUMBER_ERRORS = ("int_", "float_", "greater_than", "less_than", "finite_number")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a value is called where it was written, and what else may help with it."""

    name: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Complaints:
    """Explains the errors of `model`, whose values come from `origins`, or else from `file`."""

    model: type[BaseModel]
    origins: Mapping[Location, Origin]
    file: str
    keys: Mapping[str, Sequence[str]]
    """The keys that a person may write at the top (`""`) and in each kind of table."""

    def explain(self, error: ValidationError) -> Iterator[str]:
        for details in error.errors(include_url=False, include_input=False):
            location = tuple(str(part) for part in details["loc"] if part != "[key]")
            origin = self._origin(location)
            hint = f" {origin.hint}" if origin.hint else ""
            yield f"{origin.name}: {self._sentence(location, details)}{hint}"

    def _origin(self, location: Location) -> Origin:
        for length in range(len(location), 0, -1):
            if location[:length] in self.origins:
                return self.origins[location[:length]]
        return Origin(f"{'.'.join(location)} in {self.file}")

    def _sentence(self, location: Location, details: ErrorDetails) -> str:
        kind, context = details["type"], details.get("ctx", {})
        if kind == "extra_forbidden":
            table = location[0] if len(location) > 1 else ""
            return no_such_setting(location[-1], self.keys[table])
        if kind == "value_error":
            return f"{context['error']}."
        if kind.startswith(NUMBER_ERRORS):
            return f"expected {self._range(location[0])}."
        if kind in ("model_type", "dict_type"):
            return "expected a table."
        if kind.startswith("bool_"):
            return "expected true or false."
        return f"{details['msg'].replace('Input should be', 'expected')}."

    def _range(self, field: str) -> str:
        schema = self.model.model_json_schema()["properties"][field]
        number = next((part for part in schema.get("anyOf", ()) if "type" in part), schema)
        noun = "a whole number" if number["type"] == "integer" else "a number"
        text = f"{noun} from {number['minimum']} to {number['maximum']}"
        default = schema.get("default")
        return text if default is None else f"{text} (default: {default})"
