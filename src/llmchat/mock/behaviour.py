"""Which options hold for a request: the server's own, and those behind the name of the model."""

from collections import Counter
from collections.abc import Collection
from difflib import get_close_matches
from typing import ClassVar, Literal, get_args
from urllib.parse import parse_qsl

from pydantic import ValidationError

from llmchat.mock.options import Options

ModelName = Literal["story", "echo"]
MODEL_NAMES: tuple[ModelName, ...] = get_args(ModelName)


class UnusableModelError(Exception):
    """The model string of a request cannot be served."""

    status: ClassVar[int]


class UnknownModelError(UnusableModelError):
    status = 404


class BadOptionError(UnusableModelError):
    """An option is unknown, or its value out of bounds."""

    status = 400


class Behaviour:
    def __init__(self, defaults: Options, kinds: Collection[str]) -> None:
        self._kinds = kinds
        self._failures: Counter[str] = Counter()
        self._defaults = self._checked(defaults)

    def for_model(self, model: str) -> tuple[ModelName, Options]:
        """Reads `any/thing/story?tokens=9&fail=cut`; each call is one request for `fail_times`."""
        path, _, query = model.partition("?")
        name = path.rpartition("/")[2]
        known = next((known for known in MODEL_NAMES if known == name), None)
        if known is None:
            raise UnknownModelError(f"model {name!r} not found; there are {', '.join(MODEL_NAMES)}")
        return known, self._bounded(model, self._read(query))

    def _read(self, query: str) -> Options:
        given = dict(parse_qsl(query, keep_blank_values=True))
        try:
            options = Options.model_validate(self._defaults.model_dump() | given)
        except ValidationError as invalid:
            raise BadOptionError(explained(invalid)) from invalid
        return self._checked(options)

    def _checked(self, options: Options) -> Options:
        if options.fail and options.fail not in self._kinds:
            near = get_close_matches(options.fail, self._kinds, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self._kinds)}"
            raise BadOptionError(f"fail: no kind of failure {options.fail!r}; {hint}")
        return options

    def _bounded(self, model: str, options: Options) -> Options:
        if not options.fail or options.fail_times is None:
            return options
        self._failures[model] += 1
        if self._failures[model] <= options.fail_times:
            return options
        return options.model_copy(update={"fail": ""})


def explained(invalid: ValidationError) -> str:
    errors = invalid.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors)
