"""Validation errors as sentences for whoever wrote the settings, without the values."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llmchat.config.variables import no_such_setting

Location = tuple[str, ...]

# Pydantic says "should be greater than 1", and we name what is expected.
_COMPARED = re.compile("expected(?= (greater|less) than)")
_EXPECTED = {
    "model_type": "a table",
    "dict_type": "a table",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}
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
            location = tuple(str(part) for part in details["loc"] if not _made_up(str(part)))
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
        if kind.startswith(NUMBER_ERRORS) and len(location) == 1:
            return f"expected {self._range(location[0])}."
        if kind in _EXPECTED:
            return f"expected {_EXPECTED[kind].format(**context)}."
        said = details["msg"].replace("Input should be", "expected")
        return f"{_COMPARED.sub('expected a number', said)}."

    def _range(self, field: str) -> str:
        schema = self.model.model_json_schema()["properties"][field]
        number = next((part for part in schema.get("anyOf", ()) if "type" in part), schema)
        noun = "a whole number" if number["type"] == "integer" else "a number"
        text = f"{noun} from {number['minimum']} to {number['maximum']}"
        default = schema.get("default")
        return text if default is None else f"{text} (default: {default})"


def _made_up(part: str) -> bool:
    """Pydantic's word for a key, and ours for a kind: nobody wrote them."""
    return part.startswith("[")
