"""What a log is made of: Started (Delta | ToolCall | Reset)* (Finished | Failed)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from operator import attrgetter
from typing import Any, Literal, TypeVar

import orjson

from llmchat.problem import Problem

Channel = Literal["answer", "reasoning"]

# With a number behind it, an id is still one that a client may send back.
_MOST_ID_CHARS = 240


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one generation. `estimated` when the upstream did not say and we counted."""

    input_tokens: int
    output_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    generation_id: str
    message_id: str
    model: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the text. `mark` says where in the upstream's own log what follows it begins,
    when the upstream keeps one: stored with the text, and shown to nobody. A delta without text
    carries a mark before the first token, or behind something else than text.

    `logprobs`, where they were asked for, are how likely the tokens of this piece were: the objects
    of OpenAI's `logprobs.content`, in ASCII, with commas between."""

    text: str
    channel: Channel = "answer"
    mark: str | None = None
    logprobs: str | None = None

    @property
    def bare(self) -> bool:
        """Whether it is a text and no more."""
        return self.mark is None and self.logprobs is None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A piece of a tool call: the first of an `index` has `id` and `name`, the arguments follow."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Drop what you have of this answer and go on from `text`: another attempt took over."""

    attempt: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """`model` is the one that answered, where a route could choose."""

    status: Literal["complete", "stopped"]
    finish_reason: str | None
    usage: Usage | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    status: Literal["failed", "interrupted"]
    problem: Problem
    usage: Usage | None = None


Terminal = Finished | Failed
Event = Started | Delta | ToolCall | Reset | Terminal
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An event with the offsets that it covers: more than one when adjacent deltas were merged.

    Compared and hashed by identity: readers at the same place share the same objects, and whoever
    encodes them can remember what came of it.
    """

    first: int
    last: int
    event: Event


@dataclass(slots=True)
class Transcript:
    """What a log says up to the offset `last`: the text of both channels, the calls, the end.
    `mark` is the last delta's: with it, nothing came behind what that stands for. `logprobs` are
    those of both channels, in order."""

    last: int = 0
    answer: str = ""
    reasoning: str = ""
    attempt: int = 1
    tool_calls: list[ToolCall] = field(default_factory=list)
    terminal: Terminal | None = None
    mark: str | None = None
    logprobs: str | None = None


def is_terminal(event: Event) -> bool:
    return isinstance(event, Finished | Failed)


def fold(entries: Iterable[Entry]) -> Transcript:
    """The one way from a log to its text: the history, `GET` and every summary use it."""
    transcript = Transcript()
    parts: dict[Channel, list[str]] = {"answer": [], "reasoning": []}
    logprobs: list[str | None] = []
    for entry in entries:
        transcript.last = entry.last
        match entry.event:
            case Delta(text, channel, mark, likely):
                parts[channel].append(text)
                logprobs.append(likely)
                transcript.mark = mark
            case ToolCall() as call:
                transcript.tool_calls.append(call)
                transcript.mark = None
            case Reset(attempt, _, text):
                parts = {"answer": [text], "reasoning": []}
                logprobs = []
                transcript.tool_calls = []
                transcript.mark = None
                transcript.attempt = attempt
            case Started(attempt=attempt):
                transcript.attempt = attempt
            case Finished() | Failed() as terminal:
                transcript.terminal = terminal
    transcript.answer = "".join(parts["answer"])
    transcript.reasoning = "".join(parts["reasoning"])
    transcript.logprobs = joined_logprobs(logprobs)
    return transcript


def joined_logprobs(pieces: Iterable[str | None]) -> str | None:
    return ",".join([piece for piece in pieces if piece is not None]) or None


def join_deltas(events: Sequence[E]) -> list[E | Delta]:
    """Adjacent deltas of one channel become one event: what piled up is stored at once."""
    joined: list[E | Delta] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, Delta) and isinstance(last, Delta) and last.channel == event.channel:
            logprobs = joined_logprobs((last.logprobs, event.logprobs))
            joined[-1] = Delta(last.text + event.text, event.channel, event.mark, logprobs)
        else:
            joined.append(event)
    return joined


def whole_calls(pieces: Iterable[ToolCall]) -> list[ToolCall]:
    """The calls that the pieces make, each with all of its arguments."""
    calls: dict[int, ToolCall] = {}
    for piece in pieces:
        begun = calls.get(piece.index, ToolCall(piece.index, None, None, ""))
        calls[piece.index] = ToolCall(
            piece.index,
            begun.id or piece.id,
            begun.name or piece.name,
            begun.arguments + piece.arguments,
        )
    return list(calls.values())


def answerable_calls(pieces: Iterable[ToolCall]) -> list[ToolCall]:
    """The whole calls in the order of their indices, each with a name and an id of its own: some
    servers give none, or the same one twice, and a result has to say which call it is of."""
    whole = sorted(whole_calls(pieces), key=attrgetter("index"))
    taken = {call.id for call in whole}
    kept: set[str] = set()
    calls: list[ToolCall] = []
    for place, call in enumerate(whole):
        id = call.id
        if not id or id in kept:
            begin = (id or f"call_{place}")[:_MOST_ID_CHARS]
            numbered = (f"{begin}_{number}" for number in count(1))
            id = next(new for new in chain([begin], numbered) if new not in taken)
            taken.add(id)
        kept.add(id)
        calls.append(ToolCall(place, id, call.name or "", call.arguments))
    return calls


def since(entries: Iterable[Entry], after: int) -> Iterable[Entry]:
    """What of them is behind the offset `after`, which may lie within one that covers several."""
    for entry in entries:
        if entry.first > after:
            yield entry
        elif entry.last > after:
            yield Entry(after + 1, entry.last, entry.event)


def merge(entries: Sequence[Entry]) -> list[Entry]:
    """Adjacent deltas of one channel as one entry that covers all their offsets."""
    merged: list[Entry] = []
    run: list[Entry] = []
    for entry in entries:
        if run and not _same_channel(run[-1].event, entry.event):
            merged.append(_merge_run(run))
            run = []
        run.append(entry)
    if run:
        merged.append(_merge_run(run))
    return merged


def _same_channel(one: Event, other: Event) -> bool:
    return isinstance(one, Delta) and isinstance(other, Delta) and one.channel == other.channel


def _merge_run(run: Sequence[Entry]) -> Entry:
    if len(run) == 1:
        return run[0]
    deltas = [entry.event for entry in run if isinstance(entry.event, Delta)]
    text = "".join(delta.text for delta in deltas)
    logprobs = joined_logprobs(delta.logprobs for delta in deltas)
    merged = Delta(text, deltas[0].channel, deltas[-1].mark, logprobs)
    return Entry(run[0].first, run[-1].last, merged)


_KINDS: dict[str, type[Started | ToolCall | Reset | Finished | Failed]] = {
    "started": Started,
    "tool_call": ToolCall,
    "reset": Reset,
    "finished": Finished,
    "failed": Failed,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def name_of(event: Event) -> str:
    """The event's name on every wire of ours and in the store."""
    return "delta" if isinstance(event, Delta) else _NAMES[type(event)]


def to_json(event: Event) -> bytes:
    """The stored form of any event: a JSON object with its members and its name as `event`."""
    return orjson.dumps({"event": name_of(event), **_members(event)})


def from_json(data: bytes | str) -> Event:
    members: dict[str, Any] = orjson.loads(data)
    name = members.pop("event")
    if members.get("usage") is not None:
        members["usage"] = Usage(**members["usage"])
    if "problem" in members:
        members["problem"] = Problem.from_json(members["problem"])
    kind: Any = Delta if name == "delta" else _KINDS[name]
    event: Event = kind(**members)
    return event


def _members(event: Event) -> dict[str, Any]:
    members = {name: getattr(event, name) for name in event.__dataclass_fields__}
    if isinstance(event, Delta):
        for name in ("mark", "logprobs"):
            if members[name] is None:
                del members[name]
    return members
