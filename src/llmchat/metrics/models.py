"""What models are called in the figures: their own names, as long as they are few."""

from collections.abc import Collection

_MOST_NAMES = 100
_MOST_CHARS = 120
OTHER = "other"


class ModelNames:
    """Callers choose the names of models, and each new label is a series for ever: a name counts
    once a model has answered by it, or when it is one of `known`; the first MOST_NAMES do. All
    others are `other`."""

    def __init__(self, known: Collection[str] = (), *, most: int = _MOST_NAMES) -> None:
        self._most = most
        self._names = set(list(known)[:most])

    def label(self, model: str, *, answered: bool = False) -> str:
        if model in self._names:
            return model
        if not answered or len(self._names) >= self._most or len(model) > _MOST_CHARS:
            return OTHER
        self._names.add(model)
        return model
