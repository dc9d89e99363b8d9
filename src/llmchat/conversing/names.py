"""What a program names things by, checked before anybody is asked: ids, keys, words to look for."""

import re

from llmchat.errors import Invalid
from llmchat.text import clean

_MOST_QUERY_CHARS = 512
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_KEY = re.compile(r"[!-~]{1,255}")


def checked_id(id: str) -> str:
    """Raises Invalid for what would lead to another path, or to a database that cannot carry it."""
    if not _ID.fullmatch(id):
        raise Invalid(f"{id!r:.100} is no id; one looks like conv_8DmPJ3GkR5cV1wXyZ2aBcD4.")
    return id


def checked_key(key: str) -> str:
    """Raises Invalid."""
    if not _KEY.fullmatch(key):
        raise Invalid("The key of a message is 1 to 255 printable ASCII characters without spaces.")
    return key


def checked_query(query: str) -> str:
    """Without what no database can carry. Raises Invalid."""
    if len(query) > _MOST_QUERY_CHARS:
        raise Invalid(f"What is looked for is a text of up to {_MOST_QUERY_CHARS} characters.")
    return clean(query)
