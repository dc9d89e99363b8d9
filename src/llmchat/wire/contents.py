"""What a message says, as a client sends and gets it: text, images, calls of tools, results."""

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from llmchat import domain, events
from llmchat.wire.bounds import MOST_TEXT_CHARS, CleanText, Text

T = TypeVar("T")

MOST_PARTS = 32
MOST_IMAGES = 16
# What the largest body that an operator can allow has room for.
MOST_URL_CHARS = 64 * 1024 * 1024
_DATA_URL = re.compile(r"data:([^;,]{1,100});base64,", re.IGNORECASE)
_EXAMPLE = "data:image/png;base64,iVBORw0…"
_TYPES = "image/png, image/jpeg, image/webp or image/gif"
# The head of each file, by which every reader knows it.
_HEADS: Mapping[str, Callable[[bytes], bool]] = {
    "image/png": lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": lambda head: head.startswith(b"\xff\xd8\xff"),
    "image/webp": lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    "image/gif": lambda head: head.startswith((b"GIF87a", b"GIF89a")),
}


def image_url(url: str) -> str:
    """The URL itself. Raises ValueError when it holds no image that we take."""
    if re.match("https?:", url, re.IGNORECASE):
        raise ValueError(
            "this server fetches no addresses, which could lead it into its own network; send the "
            f"image itself as a data URL, {_EXAMPLE}"
        )
    found = _DATA_URL.match(url)
    if found is None:
        raise ValueError(f"not a data URL with base64, such as {_EXAMPLE}")
    has_its_head = _HEADS.get(found[1].lower())
    if has_its_head is None:
        raise ValueError(f"an image must be {_TYPES}")
    try:
        image = binascii.a2b_base64(url[found.end() :], strict_mode=True)
    except ValueError:
        raise ValueError(
            "the base64 behind the comma cannot be read; it may have no line breaks, and needs its "
            "padding"
        ) from None
    if not has_its_head(image):
        raise ValueError(f"the bytes do not begin as a file of the type {found[1].lower()} does")
    return url


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class TextPart(_Part):
    type: Literal["text"]
    text: Text


class ImageUrl(_Part):
    url: Annotated[CleanText, Field(max_length=MOST_URL_CHARS), AfterValidator(image_url)]
    """The image itself, as a data URL of the type png, jpeg, webp or gif:
    `data:image/png;base64,…`. No address: this server fetches nothing."""
    detail: Literal["auto", "low", "high"] | None = Field(
        default=None, exclude_if=lambda detail: detail is None
    )
    """How closely the model is to look, where it can choose."""


class ImagePart(_Part):
    type: Literal["image_url"]
    image_url: ImageUrl


def _either(kind: Callable[[Any], str | None], expected: str) -> Discriminator:
    """Without it, an error names every member of the union by its internal name."""
    return Discriminator(kind, "unexpected", f"Input should be {expected}")


def _type_of(part: Any) -> str | None:
    """The tag is in parentheses, as no field is: an error does not show it."""
    type_ = part.get("type") if isinstance(part, dict) else getattr(part, "type", None)
    return f"({type_})" if type_ in ("text", "image_url") else None


def _form_of(content: Any) -> str | None:
    if isinstance(content, str):
        return "(text)"
    return "(parts)" if isinstance(content, list) else None


def _checked(parts: list[Any]) -> list[Any]:
    images = sum(isinstance(part, ImagePart) for part in parts)
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if images > MOST_IMAGES:
        raise ValueError(f"{images} images, and a message takes {MOST_IMAGES}")
    if sum(map(len, texts)) > MOST_TEXT_CHARS:
        raise ValueError(f"the texts are longer than {MOST_TEXT_CHARS} characters in all")
    if not images and not any(texts):
        raise ValueError("there is neither text nor an image in it")
    return parts


ContentPart = Annotated[
    Annotated[TextPart, Tag("(text)")] | Annotated[ImagePart, Tag("(image_url)")],
    _either(
        _type_of,
        'an object of the type "text" or "image_url": {"type": "text", "text": "…"} or '
        '{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}',
    ),
]
Parts = Annotated[
    list[ContentPart], Field(min_length=1, max_length=MOST_PARTS), AfterValidator(_checked)
]


def _content(text: Any) -> Any:
    """A text of that kind, or a list of parts."""
    return Annotated[
        Annotated[text, Tag("(text)")] | Annotated[Parts, Tag("(parts)")],
        _either(_form_of, "a text or a list of parts"),
    ]


content_in_file = _content
"""The content of a stored message: a text of that kind, or the parts that were sent."""
Content: Any = _content(Annotated[Text, Field(min_length=1)])
ContentOrNothing: Any = _content(Text)
CallId = Annotated[CleanText, Field(min_length=1, max_length=256)]


class ToolResult(_Part):
    tool_call_id: CallId
    """The `id` of the call, as the assistant's message has it."""
    content: Text
    """What came of it."""


class ToolCall(BaseModel):
    """A call of a tool; to run it is yours."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """What its result names."""
    name: str
    arguments: str
    """As the model wrote them: mostly JSON, and cut off where the answer was."""


def text_of(content: str | Sequence[Any]) -> str:
    """All the text in a content."""
    return "".join(part for part in parts_in(content) if isinstance(part, str))


def parts_of(content: str | Sequence[Any]) -> Sequence[domain.Part]:
    """The parts of a content that has images; none of one that is only text."""
    parts = parts_in(content)
    return parts if any(isinstance(part, domain.Image) for part in parts) else ()


def parts_in(content: str | Sequence[Any]) -> Sequence[domain.Part]:
    return (content,) if isinstance(content, str) else tuple(map(_part, content))


def content_of(text: str, parts: Sequence[domain.Part]) -> str | list[ContentPart]:
    """What a client gets: the text, or the parts as they were sent."""
    return [_shown(part) for part in parts] or text


def calls_of(calls: Sequence[events.ToolCall]) -> list[ToolCall]:
    return [ToolCall(id=c.id or "", name=c.name or "", arguments=c.arguments) for c in calls]


def _part(part: TextPart | ImagePart) -> domain.Part:
    match part:
        case TextPart(text=text):
            return text
        case ImagePart(image_url=image):
            return domain.Image(image.url, image.detail)


def _shown(part: domain.Part) -> ContentPart:
    # Not checked again: that would read every image for each answer that shows it.
    if isinstance(part, str):
        return TextPart.model_construct(type="text", text=part)
    url = ImageUrl.model_construct(url=part.url, detail=part.detail)  # type: ignore[arg-type]
    return ImagePart.model_construct(type="image_url", image_url=url)
