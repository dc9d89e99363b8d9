"""What a model is asked for a title, and what is taken of its answer."""

import re

from llmchat.domain import Role
from llmchat.prompts import Prompt, PromptMessage

_MOST_CHARS = 80
_MOST_LINE_CHARS = 500
_QUESTION_CHARS = 2000
_ANSWER_CHARS = 1000
_TASK = (
    "You give a conversation its title: at most six words, in the language of the conversation. "
    "Answer with the title alone, without quotes, markup or a full stop."
)

_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHTS_BEGUN_BEFORE = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(r"\A(?:title|titel|titre|título|titolo)\s*:\s*", re.IGNORECASE)
_LIST_MARK = re.compile(r"\A(?:[-+#>]+|\d+[.)])\s+")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"[*`]+|~~|\A_+|_+\Z")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_QUOTES = '"“”„‟«»‹›「」『』《》〈〉'  # noqa: RUF001 - all of them are meant
_QUOTED = re.compile(rf"\A[{_QUOTES}'‘’‚](.+)[{_QUOTES}'‘’]\Z")  # noqa: RUF001 - the same
_FULL_STOP = re.compile(r"(?<![.。])[.。．｡]\Z")  # noqa: RUF001 - other scripts have their own


def title_prompt(model: str, question: str, answer: str) -> Prompt:
    """From the beginnings of what was said first."""
    said = f"{question[:_QUESTION_CHARS]}\n\n{answer[:_ANSWER_CHARS]}\n\nThe title:"
    return Prompt(model, [PromptMessage(Role.SYSTEM, _TASK), PromptMessage(Role.USER, said)])


def cleaned(text: str) -> str:
    """One line that can stand in a list; empty when there is nothing to take."""
    spoken = _THOUGHTS_BEGUN_BEFORE.sub("", _THOUGHTS.sub("", text))
    lines = (_bare(line) for line in spoken.splitlines())
    title = next((line for line in lines if any(map(str.isalnum, line))), "")
    if len(title) <= _MOST_CHARS:
        return title
    words = title[:_MOST_CHARS].rpartition(" ")[0]
    return _bare(words or title[:_MOST_CHARS])


def _bare(line: str) -> str:
    """Without what is around the words, in whatever order it was put there."""
    before, bare = None, _LINK.sub(r"\1", line[:_MOST_LINE_CHARS])
    bare = " ".join(_UNSEEN.sub(" ", bare).split())
    while bare != before:
        before, bare = bare, _EMPHASIS.sub("", bare)
        bare = _FULL_STOP.sub("", _unquoted(_LABEL.sub("", _LIST_MARK.sub("", bare)))).strip()
    return bare


def _unquoted(line: str) -> str:
    """Without quotes around the whole of it: those of two titles in it stay."""
    quoted = _QUOTED.match(line)
    return line if quoted is None or set(quoted[1]) & set(_QUOTES) else quoted[1]
