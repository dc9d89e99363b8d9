"""What the mock upstream is to say, in the model's name, which every service passes on."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"mock-t(\d+)-r(\d+)-f(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Script:
    """One generation; endless until the bench ends it when `tokens` is 0."""

    tokens: int = 0
    rate: int = 30
    """Tokens a second; 0 says nothing after the first token and the fast ones."""
    fast_from: int = 0
    fast_to: int = 0
    """The half-open range of tokens that are sent as fast as they are taken."""

    @property
    def model(self) -> str:
        return f"mock-t{self.tokens}-r{self.rate}-f{self.fast_from}.{self.fast_to}"

    @classmethod
    def parse(cls, model: str) -> Script:
        found = _NAME.search(model)
        if found is None:
            raise ValueError(f"not a model of the mock upstream: {model!r}")
        return cls(*map(int, found.groups()))


def at_once(tokens: int) -> Script:
    """All tokens as fast as they are taken."""
    return Script(tokens=tokens, fast_to=tokens)
