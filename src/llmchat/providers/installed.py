"""Kinds of providers that installed packages add: see `Factory` in base.py."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points

from llmchat.errors import KindUnusable
from llmchat.providers.base import Configured, Factory, Provider
from llmchat.providers.guarded import Guarded

_LEAST_SECRET_CHARS = 4
_PARTS = ("prefills", "resumes", "stream", "models", "cancel", "aclose")


def provider_of(group: str, kind: str, configured: Configured) -> Provider:
    """One of a kind that is among the entry points of the group. Raises KindUnusable."""
    entry = _only(group, kind)
    try:
        factory: Factory = entry.load()
        provider = factory(configured)
    # Another author's code may raise anything, and a traceback would not say whose it is.
    except Exception as error:  # noqa: BLE001
        said = _without(_secrets(configured), f"{type(error).__name__}: {error}")
        raise KindUnusable(
            f"providers.{configured.name}: {_called(entry)} failed with {said}. Correct the "
            "settings that it wants, or update the package."
        ) from None
    missing = [part for part in _PARTS if not hasattr(provider, part)]
    if missing:
        raise KindUnusable(
            f"providers.{configured.name}: {_called(entry)} gave an object that "
            f"is no Provider: it has no {', '.join(missing)}. Its author finds what is "
            "expected in llmchat/providers/base.py."
        )
    quiet = partial(_without, _secrets(configured))
    return Guarded(provider, name=configured.name, quiet=quiet)


def _only(group: str, kind: str) -> EntryPoint:
    found = list(entry_points(group=group, name=kind))
    if len(found) != 1:
        offers = " and ".join(map(_called, found)) or "no package"
        raise KindUnusable(
            f'The kind of provider "{kind}" is offered by {offers}: install exactly one that does.'
        )
    return found[0]


def _called(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "an unknown package"
    return f"{entry.value} of the package {package}"


def _secrets(configured: Configured) -> Sequence[str]:
    """The longest first. A header may hold a key as well, perhaps behind a word such as Bearer."""
    words = [word for value in configured.headers.values() for word in value.split()]
    secrets = {*words, configured.api_key or ""}
    return sorted((s for s in secrets if len(s) >= _LEAST_SECRET_CHARS), key=len, reverse=True)


def _without(secrets: Sequence[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
