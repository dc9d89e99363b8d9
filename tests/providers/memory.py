"""How much memory a test may take at the most."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

MIB = 1024 * 1024
# The event, the piece of it that is being joined to it, and the buffers of both ends of the socket.
MOST_HELD_BYTES = 6 * MIB


@contextmanager
def memory_bounded() -> Iterator[None]:
    """Fails when Python ever held more than that at once; the mock upstream is counted as well."""
    tracemalloc.start()
    try:
        yield
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < MOST_HELD_BYTES
