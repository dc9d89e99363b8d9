"""What is shown: an answer as it comes on a terminal, and only when it is whole in a pipe."""

import sys
from typing import TextIO

from llmchat.conversing.answer import Answer
from llmchat.domain import Message, Role, Status
from llmchat.errors import LlmchatError, LogGone
from llmchat.events import Delta, Entry, Failed, Finished, Reset
from llmchat.problem import Problem

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
# They turn what follows around on the screen, and can make one command look like another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Screen:
    """Answers go to `out`, and all that is said about them to `err`."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err
        self.live = out.isatty()
        self._at_line_begin = True
        self._dim = False

    def note(self, text: str) -> None:
        """A sentence of ours, on a line of its own."""
        self._end_line()
        shown = f"{_DIM}{inert(text)}{_PLAIN}" if self._err.isatty() else text
        print(shown, file=self._err, flush=True)

    def exchange(self, question: Message | None, answer: Message | None) -> None:
        """What was said last, when somebody comes back to it."""
        if question is not None and question.role is Role.USER:
            self.note(f"> {question.content}")
        if answer is not None:
            self._write(answer.content)
            self._end_line()
            self._ended(answer.status, answer.error)

    async def show(self, answer: Answer) -> Status:
        """The answer from its beginning to its end; how it ended."""
        try:
            if not self.live:
                return await self._whole(answer)
            async for entry in answer.stream():
                self._event(entry)
        except LogGone:
            await answer.wait()
            self._write(answer.so_far)
        self._set_dim(on=False)
        self._end_line()
        self._ended(answer.status, answer.error)
        return answer.status

    def error(self, error: LlmchatError) -> None:
        self._set_dim(on=False)
        self.note(f"llmchat: {error.detail}")

    async def _whole(self, answer: Answer) -> Status:
        """What stands in a pipe cannot be taken back, when another attempt begins anew."""
        status = await answer.wait()
        self._write(answer.so_far)
        self._end_line()
        self._ended(status, answer.error)
        return status

    def _event(self, entry: Entry) -> None:
        match entry.event:
            case Delta(text=text, channel=channel):
                self._set_dim(on=channel == "reasoning")
                self._write(text)
            case Reset(text=text):
                self._set_dim(on=False)
                self.note("Another attempt takes over, and begins again:")
                self._write(text)
            case Finished() | Failed():
                self._set_dim(on=False)

    def _ended(self, status: Status, problem: Problem | None) -> None:
        if status is Status.STOPPED:
            self.note("(stopped)")
        elif problem is not None:
            self.note(f"({status}: {problem.detail})")

    def _set_dim(self, *, on: bool) -> None:
        if self.live and on != self._dim:
            if not on:
                self._end_line()
            self._out.write(_DIM if on else _PLAIN)
            self._dim = on

    def _write(self, text: str) -> None:
        if text:
            self._out.write(inert(text) if self.live else text)
            self._out.flush()
            self._at_line_begin = text.endswith("\n")

    def _end_line(self) -> None:
        if not self._at_line_begin:
            self._out.write("\n")
            self._out.flush()
            self._at_line_begin = True


def inert(text: str) -> str:
    """Text that only shows: a model's words, or a stranger's, could otherwise move the cursor, set
    the title or write to the clipboard of whoever reads them."""
    return "".join(char if _shows(char) else "\N{REPLACEMENT CHARACTER}" for char in text)


def _shows(char: str) -> bool:
    control = char < " " or "\x7f" <= char <= "\x9f"
    return (not control or char in "\n\t") and char not in _TURNING


def standard_screen() -> Screen:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that lacks a character shows another one.
            stream.reconfigure(errors="replace")
    return Screen(sys.stdout, sys.stderr)
