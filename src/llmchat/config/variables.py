"""Environment variables and the lines of `.env`, each with the place where it was found."""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from dotenv.parser import Original, parse_stream
from dotenv.variables import parse_variables

ENVIRONMENT = "the environment"
DOTENV = ".env"

OURS = "LLMCHAT_"
SHARED = "LLM_"
# Other programs have LLM_ names too: there, only a near miss is taken for a misspelling.
NEAR_MISS = 0.85

CLIENT_NAMES = {"LLMCHAT_URL": False, "LLMCHAT_API_KEY": True}
"""What `llmchat chat` and the client read: no settings of the service, and no misspellings."""

# Kubernetes sets these in every pod for a service that is called llmchat or llmchat-something.
SERVICE_LINK_NAME = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
SERVICE_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    value: str = field(repr=False)
    place: str

    def __str__(self) -> str:
        return f"{self.name} in {self.place}"


class Variables:
    """What is set in the environment and in `.env`, the environment first, and what is wrong."""

    def __init__(self, environ: Mapping[str, str], cwd: Path) -> None:
        self.problems: list[str] = []
        self._cwd = cwd
        dotenv = read_dotenv(cwd / DOTENV, environ, self.problems)
        self._environ = [
            Variable(name, value.strip(), ENVIRONMENT)
            for name, value in environ.items()
            if not is_service_link(name, value)
        ]
        self._dotenv = [Variable(name, value.strip(), DOTENV) for name, value in dotenv.items()]
        self._by_name = {variable.name: variable for variable in (*self._dotenv, *self._environ)}

    def find(self, *names: str, secret: bool = False) -> Variable | None:
        """The first of `names` that is there decides; when it is empty, the setting is unset."""
        for name in names:
            plain = self._by_name.get(name)
            pointer = self._by_name.get(f"{name}_FILE") if secret else None
            if pointer is not None and pointer.value:
                return self._from_file(plain, pointer)
            if plain is not None or pointer is not None:
                return plain if plain is not None and plain.value else None
        return None

    def _from_file(self, plain: Variable | None, pointer: Variable) -> Variable | None:
        if plain is not None and plain.value:
            self.problems.append(f"{plain} and {pointer}: both are set; unset one of them.")
            return None
        try:
            secret = read_secret(self._cwd / os.path.expanduser(pointer.value))
        except ValueError as error:
            self.problems.append(f"{pointer}: {error}.")
            return None
        return Variable(pointer.name, secret, pointer.place)

    def check_spelling(self, known: Collection[str]) -> None:
        """Complains of every name that is meant for llmchat, but is no setting of it."""
        shared = [name for name in known if name.startswith(SHARED)]
        for variable in (*self._environ, *self._dotenv):
            name = variable.name.upper()
            if variable.name in known:
                continue
            if name.startswith(OURS):
                self._refuse(variable, no_such_setting(name, known))
            elif name.startswith(SHARED) and (
                variable.place == DOTENV or get_close_matches(name, shared, cutoff=NEAR_MISS)
            ):
                self._refuse(variable, no_such_setting(name, shared))

    def _refuse(self, variable: Variable, sentence: str) -> None:
        hint = ""
        if variable.place == ENVIRONMENT:
            start = f"env -u {variable.name} llmchat serve"
            hint = f" If another program needs it, start llmchat without it: {start}"
        self.problems.append(f"{variable}: {sentence}{hint}")


def no_such_setting(name: str, known: Collection[str]) -> str:
    """A sentence with the nearest of the known names, whatever the case."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    folded = name.casefold()
    longer = [candidate for candidate in by_folded if candidate.startswith(folded)]
    near = longer if len(longer) == 1 else get_close_matches(folded, by_folded, n=1)
    hint = f"Did you mean {by_folded[near[0]]}?" if near else ".env.example explains every name."
    return f"no such setting. {hint}"


def is_service_link(name: str, value: str) -> bool:
    return SERVICE_LINK_NAME.fullmatch(name) is not None or (
        name.endswith("_PORT") and SERVICE_LINK_VALUE.match(value) is not None
    )


def read_secret(path: Path) -> str:
    """The text of a secret's file, without the newline at its end; `ValueError` names the path."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"cannot read {path}: it is not UTF-8 text") from None
    if not secret:
        raise ValueError(f"{path} is empty")
    return secret


def read_dotenv(path: Path, environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """The names and values of a `.env` file, with `${NAME}` replaced; none without a file."""
    # A directory of this name is a virtual environment that somebody made.
    if not path.exists() or path.is_dir():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        problems.append(f"{DOTENV}: cannot read {path}: {error.strerror}.")
        return {}
    except UnicodeDecodeError:
        problems.append(f"{DOTENV}: {path} is not UTF-8 text; save it as UTF-8.")
        return {}
    values: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            problems.append(f"{DOTENV} line {line_of(binding.original)}: expected NAME=value.")
        elif binding.key is not None:
            context = {**values, **environ}
            atoms = parse_variables(binding.value or "")
            values[binding.key] = "".join(atom.resolve(context) for atom in atoms)
    return values


def line_of(original: Original) -> int:
    """The line of a statement itself: for the parser it begins with the blank lines above."""
    blank = original.string[: len(original.string) - len(original.string.lstrip())]
    return original.line + blank.count("\n")
