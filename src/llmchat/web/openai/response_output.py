"""The output of a response as it grows: items that are added, written and done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from llmchat.events import ToolCall

Json = Mapping[str, Any]
Kind = Literal["reasoning", "message", "function_call"]
Ended = Literal["completed", "incomplete"]

_PREFIXES: Mapping[Kind, str] = {"reasoning": "rs", "message": "msg", "function_call": "fc"}
_PARTS: Mapping[Kind, Json] = {
    "reasoning": {"type": "reasoning_text", "text": ""},
    "message": {"type": "output_text", "text": "", "annotations": [], "logprobs": []},
}
_WRITTEN: Mapping[Kind, str] = {
    "reasoning": "response.reasoning_text",
    "message": "response.output_text",
    "function_call": "response.function_call_arguments",
}
# With a number behind it, an id is still one that a client may send back.
_MOST_ID_CHARS = 240


@dataclass(frozen=True, slots=True)
class Structure:
    """An event of the stream that is not text. It has one number."""

    type: str
    members: Json


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of an item's text: it takes as many numbers as it has characters, so it may be cut
    anywhere and its last number stays the same."""

    type: str
    item_id: str
    output_index: int
    content_index: int | None
    text: str


Step = Structure | Text


@dataclass(slots=True)
class Item:
    """One item of the output. Of a message and of reasoning, `pieces` are its only part."""

    kind: Kind
    id: str
    output_index: int
    call_id: str = ""
    name: str = ""
    status: str = "in_progress"
    pieces: list[str] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.status == "in_progress"

    @property
    def text(self) -> str:
        self.pieces = ["".join(self.pieces)]
        return self.pieces[0]

    def as_json(self) -> dict[str, Any]:
        match self.kind:
            case "function_call":
                return call_item(self.id, self.status, self.call_id, self.name, self.text)
            case "reasoning":
                return reasoning_item(self.id, self.status, self._content())
        return message_item(self.id, self.status, self._content())

    def begin(self) -> Iterator[Step]:
        yield Structure("response.output_item.added", self._at({"item": self.as_json()}))
        if self.kind != "function_call":
            part = {**self._part(), "part": _PARTS[self.kind]}
            yield Structure("response.content_part.added", part)

    def write(self, text: str) -> Iterator[Step]:
        if text:
            self.pieces.append(text)
            content_index = None if self.kind == "function_call" else 0
            kind = f"{_WRITTEN[self.kind]}.delta"
            yield Text(kind, self.id, self.output_index, content_index, text)

    def close(self, status: Ended) -> Iterator[Step]:
        done = f"{_WRITTEN[self.kind]}.done"
        if self.kind == "function_call":
            whole = {"item_id": self.id, "name": self.name, "arguments": self.text}
            yield Structure(done, self._at(whole))
        else:
            part = {**_PARTS[self.kind], "text": self.text}
            logprobs: Json = {"logprobs": []} if self.kind == "message" else {}
            yield Structure(done, {**self._part(), "text": self.text, **logprobs})
            yield Structure("response.content_part.done", {**self._part(), "part": part})
        self.status = status
        yield Structure("response.output_item.done", self._at({"item": self.as_json()}))

    def _content(self) -> Sequence[Json]:
        # Empty until its part is added: clients append that.
        begun = bool(self.pieces) or not self.open
        return [{**_PARTS[self.kind], "text": self.text}] if begun else []

    def _at(self, members: Json) -> Json:
        return {"output_index": self.output_index, **members}

    def _part(self) -> Json:
        return self._at({"item_id": self.id, "content_index": 0})


class Output:
    """All items of one answer, whose ids are made of `digits`.

    What is thought and what is said close each other. Calls stay open until the end, for servers
    may write several at once.
    """

    def __init__(self, digits: str) -> None:
        self._digits = digits
        self._made: dict[Kind, int] = {}
        self._items: list[Item] = []
        self._calls: dict[int, Item] = {}
        self._writing: Item | None = None

    def as_json(self) -> list[dict[str, Any]]:
        return [item.as_json() for item in self._items]

    def say(self, kind: Literal["reasoning", "message"], text: str) -> Iterator[Step]:
        item = self._writing
        if text and (item is None or item.kind != kind):
            yield from self._close_text()
            item = self._writing = self._new(kind)
            yield from item.begin()
        if item is not None:
            yield from item.write(text)

    def call(self, piece: ToolCall) -> Iterator[Step]:
        item = self._calls.get(piece.index)
        if item is None:
            yield from self._close_text()
            call_id = self._call_id(piece)
            item = self._calls[piece.index] = self._new("function_call")
            item.call_id, item.name = call_id, piece.name or ""
            yield from item.begin()
        yield from item.write(piece.arguments)

    def close(self, status: Ended) -> Iterator[Step]:
        yield from self._close_text(status)
        for item in self._calls.values():
            yield from item.close(status)

    def drop(self) -> Iterator[Step]:
        """Another attempt begins: what there is was not all of an answer, and is none of the next
        one's. Its places and ids are not given again: clients keep what they have by them."""
        yield from self.close("incomplete")
        self._items, self._calls = [], {}

    def _close_text(self, status: Ended = "completed") -> Iterator[Step]:
        item, self._writing = self._writing, None
        if item is not None:
            yield from item.close(status)

    def _new(self, kind: Kind) -> Item:
        place = sum(self._made.values())
        number = self._made[kind] = self._made.get(kind, 0) + 1
        item = Item(kind, item_id(kind, self._digits, number), place)
        self._items.append(item)
        return item

    def _call_id(self, piece: ToolCall) -> str:
        """As the message gets it (see answerable_calls): some servers give none, or one twice."""
        kept = {item.call_id for item in self._calls.values()}
        if piece.id and piece.id not in kept:
            return piece.id
        begin = (piece.id or f"call_{len(kept)}")[:_MOST_ID_CHARS]
        numbered = (f"{begin}_{number}" if number else begin for number in count())
        return next(id_ for id_ in numbered if id_ not in kept)


def item_id(kind: Kind, digits: str, number: int = 1) -> str:
    """Of the `number`th item of its kind in the answer that the message `msg_{digits}` is."""
    begin = f"{_PREFIXES[kind]}_{digits}"
    return begin if number == 1 else f"{begin}_{number}"


def message_item(id: str, status: str, content: Sequence[Json]) -> dict[str, Any]:
    return {
        "id": id,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def reasoning_item(id: str, status: str, content: Sequence[Json]) -> dict[str, Any]:
    return {
        "id": id,
        "type": "reasoning",
        "status": status,
        "summary": [],
        "content": content,
        "encrypted_content": None,
    }


def call_item(id: str, status: str, call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }
