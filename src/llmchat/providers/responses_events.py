"""From the bytes of OpenAI's Responses streams to our events: one answer over any number of
connections, each event once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmchat.errors import ProviderError, UpstreamMalformed
from llmchat.events import Channel, Delta, Finished, ToolCall
from llmchat.providers.base import ProviderEvent, Restarted
from llmchat.providers.refusals import error_in
from llmchat.providers.responses_json import is_cut, not_an_event, object_in
from llmchat.providers.responses_mark import Mark, response_id
from llmchat.providers.responses_object import (
    PARAGRAPH,
    UNFINISHED,
    begun_call,
    end_of,
    said_in_output,
    text_of,
)
from llmchat.providers.sse import EventParser
from llmchat.text import TextRepair

MOST_RESPONSE_BYTES = 8 * 1024 * 1024
"""Of one event: those at the end repeat the whole answer."""
_MOST_TOOL_CALLS = 128
_MOST_SEQUENCE = 10**15 - 1
_ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_TEXTS: Mapping[str, Channel] = {
    "response.output_text.delta": "answer",
    "response.refusal.delta": "answer",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}

_GOING_ON = ("response.output_item.added", "response.completed")

_Run = Channel | int
"""Whose text is being written: a channel's, or that of the call with this index."""


class ResponseReader:
    """Reads the answer behind `mark`, or a new one.

    `place` says how far it has come: None until the server has named its answer. `end` or `error`
    are set when nothing more is to come.
    """

    def __init__(self, *, hide_reasoning: bool, mark: Mark | None = None) -> None:
        self.place = mark
        self.end: Finished | None = None
        self.error: ProviderError | None = None
        self._hide_reasoning = hide_reasoning
        self._parser = EventParser(most_bytes=MOST_RESPONSE_BYTES)
        self._events: list[ProviderEvent] = []
        self._worked = False
        # Half of a character may be held back: only in what is being written now.
        self._run: _Run = "answer"
        self._repair = TextRepair()
        self._call_of: dict[Any, int] = {}
        self._cut = False

    @property
    def over(self) -> bool:
        return self.end is not None or self.error is not None

    def connect(self) -> None:
        """Another connection begins: what the last one left half is not a part of it."""
        self._parser = EventParser(most_bytes=MOST_RESPONSE_BYTES)

    def feed(self, data: bytes) -> Sequence[ProviderEvent] | None:
        """The events that these bytes complete, up to the end or an error: the last of them has a
        mark, or is the end. Empty when the model works on what is not shown; None when there is
        nothing to say."""
        try:
            for _, found in self._parser.feed(data):
                if self.over:
                    break
                # The marker at the end of a stream says nothing about the answer.
                if found.strip() != b"[DONE]":
                    self._take(object_in(found))
        except ProviderError as error:
            self.error = error
        except (AttributeError, KeyError, TypeError):
            self.error = not_an_event()
        return self._given()

    def take_whole(self, response: object) -> Sequence[ProviderEvent] | None:
        """The same for a Response object: what it has beyond what was given, when it has ended."""
        try:
            if not isinstance(response, dict) or response.get("object") != "response":
                raise error_in(response) if isinstance(response, dict) else not_an_event()
            self._know(response)
            if response.get("status") not in UNFINISHED:
                self._take_rest(response)
                self._finish(response)
        except ProviderError as error:
            self.error = error
        except (AttributeError, KeyError, TypeError):
            self.error = not_an_event()
        return self._given()

    def _given(self) -> Sequence[ProviderEvent] | None:
        if self.over:
            self._break_run()
        elif self._repair.holding:
            # A mark here would lose the half that is held, or double what came before it.
            return None
        worked, self._worked = self._worked, False
        events, self._events = self._events, []
        if self.end is not None:
            return [*events, self.end]
        if not events:
            return [] if worked else None
        last = events[-1]
        if isinstance(last, Delta):
            return [*events[:-1], replace(last, mark=str(self.place))]
        return [*events, Delta("", mark=str(self.place))]

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "error" or (kind is None and "error" in event):
            raise error_in(event)
        number = event.get("sequence_number")
        if not isinstance(number, int) or not 0 <= number <= _MOST_SEQUENCE:
            raise UpstreamMalformed(
                "The model's server sent an event without a sequence_number, so its answer could "
                'not be read on after a break. If it has no background mode, use kind = "openai".'
            )
        if "response" in event:
            self._know(event["response"])
        if self.place is None:
            raise UpstreamMalformed("The model's server began its answer without naming it.")
        if number > self.place.sequence:
            if is_cut(event):
                # Not counted: whoever reads on from here has to see it again.
                self._cut = True
                return
            if self._cut and kind in _GOING_ON:
                self._begin_anew()
            self._take_new(kind, event)
            self.place = replace(self.place, sequence=number)

    def _take_new(self, kind: object, event: dict[str, Any]) -> None:
        if not isinstance(kind, str):
            raise not_an_event()
        if channel := _TEXTS.get(kind):
            self._write(channel, text_of(event["delta"]))
        elif status := _ENDS.get(kind):
            cancelled = event["response"].get("status") == "cancelled"
            self._finish({**event["response"], "status": "cancelled" if cancelled else status})
        elif kind == "response.reasoning_summary_part.added":
            if self._at.reasoning:
                self._write("reasoning", PARAGRAPH)
        elif kind == "response.output_item.added":
            if event["item"].get("type") == "function_call":
                self._begin_call(event["item"], event.get("output_index"))
        elif kind == "response.function_call_arguments.delta":
            self._write(self._call(event.get("output_index")), text_of(event["delta"]))
        elif kind == "response.function_call_arguments.done":
            self._take_whole_arguments(event)

    @property
    def _at(self) -> Mark:
        assert self.place is not None, "nothing is taken before it is known whose it is"
        return self.place

    def _know(self, response: Mapping[str, Any]) -> None:
        id = response_id(response.get("id"))
        if self.place is None:
            self.place = Mark(id)
            # Stored before the first token: whoever takes over reads on, and does not ask again.
            self._events.append(Delta(""))
        elif self.place.id != id:
            raise UpstreamMalformed("The model's server went on with another answer than this one.")

    def _begin_anew(self) -> None:
        """An item that is done as incomplete, and more behind it: another llmchat tells so that
        another attempt replaced what it had shown."""
        self._cut = False
        self._repair = TextRepair()
        self._run = "answer"
        self._call_of = {}
        self._events = [Restarted("The model's server began its answer anew.")]
        self.place = Mark(self._at.id, self._at.sequence)

    def _write(self, run: _Run, text: str) -> None:
        if run == "reasoning" and self._hide_reasoning:
            self._worked = True
            return
        if run != self._run:
            self._break_run()
            self._run = run
        self._say(self._repair.feed(text))

    def _break_run(self) -> None:
        self._say(self._repair.end())

    def _say(self, text: str) -> None:
        if not text:
            return
        match self._run:
            case "answer":
                self._events.append(Delta(text))
                self.place = replace(self._at, answer=self._at.answer + len(text))
            case "reasoning":
                self._events.append(Delta(text, "reasoning"))
                self.place = replace(self._at, reasoning=self._at.reasoning + len(text))
            case int(index):
                self._events.append(ToolCall(index, None, None, text))
                if index == self._at.calls - 1:
                    self.place = replace(self._at, arguments=self._at.arguments + len(text))

    def _begin_call(self, item: Mapping[str, Any], output_index: object) -> None:
        self._break_run()
        index = self._at.calls
        if index == _MOST_TOOL_CALLS:
            raise UpstreamMalformed(
                f"The model's server makes more than {_MOST_TOOL_CALLS} tool calls in one answer."
            )
        self._call_of[output_index] = self._run = index
        self.place = replace(self._at, calls=index + 1, arguments=0)
        self._events.append(begun_call(index, item))
        # Those that do not stream the arguments have them here.
        self._write(index, text_of(item.get("arguments") or ""))

    def _call(self, output_index: object) -> int:
        """Its index with us. One that was begun before this reading of the answer can only be the
        last one: the items come one after another."""
        if not self._at.calls:
            raise UpstreamMalformed("The model's server sent arguments of no tool call.")
        return self._call_of.setdefault(output_index, self._at.calls - 1)

    def _take_whole_arguments(self, event: Mapping[str, Any]) -> None:
        """Some servers send them only so."""
        index = self._call(event.get("output_index"))
        arguments = text_of(event.get("arguments") or "")
        if index == self._at.calls - 1 and not self._at.arguments and not self._repair.holding:
            self._write(index, arguments)

    def _take_rest(self, response: Mapping[str, Any]) -> None:
        self._repair = TextRepair()
        said, at = said_in_output(response), self._at
        reasoning = "" if self._hide_reasoning else said.reasoning
        short = len(said.answer) < at.answer or len(said.calls) < at.calls
        if short or (not self._hide_reasoning and len(reasoning) < at.reasoning):
            raise UpstreamMalformed(
                "The model's server keeps less of the answer than it has streamed. What came is "
                "kept; ask again for a whole one."
            )
        self._write("reasoning", reasoning[at.reasoning :])
        self._write("answer", said.answer[at.answer :])
        for call in said.calls[max(0, at.calls - 1) :]:
            if call.index < at.calls:
                self._events.append(
                    ToolCall(call.index, None, None, call.arguments[at.arguments :])
                )
            else:
                self._events.append(call)
        self.place = replace(self._at, calls=len(said.calls))

    def _finish(self, response: Mapping[str, Any]) -> None:
        self._break_run()
        end = end_of(response, calls=self._at.calls > 0)
        if isinstance(end, Finished):
            self.end = end
        else:
            self.error = end
