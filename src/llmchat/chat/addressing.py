"""Whether a message calls the model: in a conversation of several people not all of them do."""

import re

_ANY = "model"


def is_addressed(text: str, model: str) -> bool:
    """Whether there is an `@model` in it, or an `@` with the name of this one: `@demo/echo`, or
    `@echo`, in capitals or not. An address of mail is none, and neither is a longer name that
    begins like it."""
    names = {_ANY, model, model.partition("/")[2], model.rpartition("/")[2]} - {""}
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    called = rf"(?<![\w.@+-])@(?:{either})(?![\w/-]|[.:@]\w)"
    return re.search(called, text, re.IGNORECASE) is not None
