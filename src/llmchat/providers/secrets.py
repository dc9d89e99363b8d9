"""What is never shown of what is sent to a server, which may quote it in an error."""

from collections.abc import Iterable

from llmchat.errors import ProviderError
from llmchat.text import clean

_LEAST_SECRET_CHARS = 4
_MOST_DETAIL_CHARS = 700


class Secrets:
    """The words of some texts: a header may hold a key, perhaps behind a word such as Bearer."""

    def __init__(self, texts: Iterable[str]) -> None:
        words = {word for text in texts for word in text.split()}
        # The longest first: one may be a part of another.
        self._words = sorted((w for w in words if len(w) >= _LEAST_SECRET_CHARS), key=len)[::-1]

    def quiet(self, error: ProviderError) -> ProviderError:
        """The same error fit to be shown: without these words, on one line, and not longer than a
        person reads."""
        detail = " ".join(clean(error.detail).split())
        for word in self._words:
            detail = detail.replace(word, "…")
        if len(detail) > _MOST_DETAIL_CHARS:
            detail = f"{detail[:_MOST_DETAIL_CHARS]}…"
        return type(error)(detail, retry_after_seconds=error.retry_after_seconds)
