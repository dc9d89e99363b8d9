"""What is asked, from a program's own values to the fields of a request."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmchat.conversing.base import Fields
from llmchat.domain import Image, Json, OnBusy, Params, ToolResult
from llmchat.errors import Invalid

Picture = bytes | Path | Image
"""The bytes of a PNG, JPEG, WebP or GIF, the path of such a file, or an Image with a data URL."""
Choices = Params | Mapping[str, Any]
"""How to generate: Params, or a mapping with the same names."""

_MOST_IMAGE_BYTES = 48 * 1024 * 1024
_HEADS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}


def settings_fields(*, params: Choices | None, **others: Any) -> Fields:
    """Of a conversation: what was given."""
    given = {name: value for name, value in others.items() if value is not None}
    return given if params is None else {**given, "params": _params(params)}


def ask_fields(
    *, model: str | None, params: Choices | None, on_busy: OnBusy | str | None = None
) -> dict[str, Any]:
    """Of one generation: what was given."""
    return dict(settings_fields(params=params, model=model, on_busy=on_busy))


def content_fields(
    text: str, images: Sequence[Picture], tool_results: Sequence[ToolResult]
) -> Iterator[tuple[str, Any]]:
    """Of a message: its text, its parts when there are images among them, or results of tools."""
    if tool_results:
        results = [{"tool_call_id": r.tool_call_id, "content": r.content} for r in tool_results]
        yield "tool_results", results
    if text or images or not tool_results:
        yield "content", [*_texts(text), *map(_image_part, images)] if images else text


def _texts(text: str) -> Sequence[Json]:
    return [{"type": "text", "text": text}] if text else []


def _image_part(picture: Picture) -> Json:
    image = picture if isinstance(picture, Image) else Image(_data_url(picture))
    url = {"url": image.url} | ({"detail": image.detail} if image.detail else {})
    return {"type": "image_url", "image_url": url}


def _data_url(picture: bytes | Path) -> str:
    data = picture if isinstance(picture, bytes) else _read(picture)
    for head, kind in _HEADS.items():
        if data.startswith(head):
            return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    raise Invalid(
        "An image must be a PNG, JPEG, WebP or GIF; these bytes begin as none of them does."
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_IMAGE_BYTES + 1)
    except OSError as error:
        raise Invalid(f"The image {path} cannot be read: {error.strerror}.") from None
    if len(data) > _MOST_IMAGE_BYTES:
        raise Invalid(f"The image {path} is larger than {_MOST_IMAGE_BYTES} bytes.")
    return data


def _params(params: Choices) -> Json:
    return params.as_json() if isinstance(params, Params) else params
