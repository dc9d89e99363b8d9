"""Any text, any JSON, and JSON that is nearly what a server should have sent."""

from typing import Any

from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from("\0\ud83d\ude00é"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
ANY_JSON = st.recursive(
    SCALARS, lambda some: st.lists(some, max_size=3) | st.dictionaries(ANY_TEXT, some, max_size=3)
)


def near(shape: Any) -> st.SearchStrategy[Any]:
    """Something of this shape in which anything may be anything else, or missing."""
    if isinstance(shape, dict):
        members = {name: near(value) for name, value in shape.items()}
        return st.fixed_dictionaries({}, optional=members) | ANY_JSON
    if isinstance(shape, list):
        return st.lists(near(shape[0]), max_size=2) | ANY_JSON
    return st.just(shape) | ANY_JSON
