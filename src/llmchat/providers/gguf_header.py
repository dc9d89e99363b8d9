"""The beginning of a GGUF file: whether it is one, and how long its texts may be.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"GGUF"
_MOST_KEYS = 10_000
_MOST_KEY_BYTES = 65_535
_MOST_STRING_BYTES = 1024 * 1024
_STRING = 8
# By the type's number; 8 is a string and 9 an array, which comes behind what is looked for here.
_NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}


class NotGguf(ValueError):
    """It begins with something else than a GGUF file does."""


def context_length(path: Path) -> int | None:
    """How many tokens the model was made for; None when the file does not say so where all do.
    Raises NotGguf, or OSError when the file cannot be read."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise NotGguf(path)
        try:
            return _find(file)
        except (struct.error, EOFError):
            return None


def _find(file: BinaryIO) -> int | None:
    _version, _tensors, keys = struct.unpack("<IQQ", file.read(20))
    for _ in range(min(keys, _MOST_KEYS)):
        key = _string(file, _MOST_KEY_BYTES)
        kind = int(_number(file, "<I"))
        if kind == _STRING:
            _string(file, _MOST_STRING_BYTES)
        elif kind not in _NUMBERS:
            return None
        else:
            value = _number(file, _NUMBERS[kind])
            if key.endswith(b".context_length"):
                return int(value) if value >= 1 else None
    return None


def _string(file: BinaryIO, most_bytes: int) -> bytes:
    size = int(_number(file, "<Q"))
    if size > most_bytes:
        raise EOFError
    text = file.read(size)
    if len(text) < size:
        raise EOFError
    return text


def _number(file: BinaryIO, shape: str) -> float:
    number: float = struct.unpack(shape, file.read(struct.calcsize(shape)))[0]
    return number
