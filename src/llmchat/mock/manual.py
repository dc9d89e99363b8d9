"""The text of `llmchat mock-llm --help`, made from the options and kinds themselves."""

from llmchat.mock.faults import KINDS
from llmchat.mock.options import Options

INTRODUCTION = """\
A fake LLM server with the OpenAI API: POST /v1/chat/completions, GET /v1/models.

Models: story answers "t0 t1 t2 …", so that lost, doubled or swapped tokens show; echo says the
last message of the user back. Any provider/ before the name is ignored. GET /mock/ledger tells
what was asked, how many tokens were sent, and when clients left.

Options of a single request follow the model's name, for example
story?tokens=1000&rate=50&fail=truncate&after=10
"""


def manual() -> str:
    options = {name: field.description or "" for name, field in Options.model_fields.items()}
    return "\n".join(
        [INTRODUCTION, *table(options), "", "Kinds of failure (fail=KIND):", *table(KINDS)]
    )


def table(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows))
    return [f"  {name:{width}}  {meaning}" for name, meaning in rows.items()]
