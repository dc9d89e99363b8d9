"""From a prompt with gaps to a prompt: a gap is `{{name}}`, and that is the whole language.

There is no logic, no code and no recursion: a value is put in as it is, braces and all, and is not
looked at again. `\\{{` stands for two braces that open no gap.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from llmchat.errors import Invalid
from llmchat.templates.base import Content, Variable

VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
MOST_VALUE_CHARS = 16_384
MOST_RENDERED_CHARS = 512 * 1024
# Of three braces the last two open a gap, as in JSON around one.
_TOKEN = re.compile(r"\\\{\{|\{\{ *(" + VARIABLE_NAME + r") *\}\}|\{\{(?!\{)")
_MOST_NAMED = 10


def check(content: Content) -> None:
    """Raises Invalid for a gap without a variable, two variables of one name, or a prompt that is
    too long with its defaults."""
    names = [variable.name for variable in content.variables]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Invalid(f"There is more than one variable {_named(twice)}.")
    for at, gap in _gaps(content.system_prompt):
        if gap not in names:
            raise Invalid(
                f"`{{{{{gap}}}}}` at character {at} of the system prompt is no variable. Add "
                f'{{"name": "{gap}"}} to `variables`, or write \\{{{{ for braces that are text.'
            )
    defaults = {variable.name: variable.default or "" for variable in content.variables}
    _filled(content.system_prompt, defaults)


def render(content: Content, values: Mapping[str, str], *, ignores_unknown: bool = False) -> str:
    """The prompt with these values. Raises Invalid for what is missing, unknown (unless that is
    ignored) or too long."""
    known = {variable.name: variable for variable in content.variables}
    if not ignores_unknown and (unknown := values.keys() - known.keys()):
        has = f"It has {_named(known)}." if known else "It has none."
        raise Invalid(f"The template has no variable {_named(unknown)}. {has}")
    if missing := required(content.variables) - values.keys():
        raise Invalid(f"The template needs a value for {_named(missing)}: name it in `variables`.")
    for name, value in values.items():
        if len(value) > MOST_VALUE_CHARS:
            raise Invalid(f"The value of {name[:64]} is longer than {MOST_VALUE_CHARS} characters.")
    defaults = {name: variable.default or "" for name, variable in known.items()}
    return _filled(content.system_prompt, {**defaults, **values})


def required(variables: Sequence[Variable]) -> set[str]:
    """The names of those that have no default."""
    return {variable.name for variable in variables if variable.default is None}


def escape(text: str) -> str:
    """What renders to this text."""
    return text.replace("{{", "\\{{")


def _filled(prompt: str, values: Mapping[str, str]) -> str:
    # Before it is made: a short prompt may ask for one long value many thousand times.
    grown = sum(len(values[gap]) for _, gap in _gaps(prompt))
    if len(prompt) + grown > MOST_RENDERED_CHARS:
        raise Invalid(
            f"With its values, the prompt is longer than {MOST_RENDERED_CHARS} characters."
        )
    return _TOKEN.sub(lambda token: values[token[1]] if token[1] else "{{", prompt)


def _gaps(prompt: str) -> Iterator[tuple[int, str]]:
    """Each with the place of its first brace. Raises Invalid for braces that open none."""
    for token in _TOKEN.finditer(prompt):
        if token[1]:
            yield token.start(), token[1]
        elif token[0] == "{{":
            raise Invalid(
                f"The braces at character {token.start()} of the system prompt open no variable. "
                "Write {{name}} for one, or \\{{ for braces that are text."
            )


def _named(names: Collection[str]) -> str:
    listed = sorted(name[:64] for name in names)
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more
