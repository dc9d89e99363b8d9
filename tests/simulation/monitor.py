"""What must never happen, looked at whenever something has."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

from llmchat.domain import Status
from llmchat.events import Entry, Transcript, fold, is_terminal, join_deltas
from llmchat.ids import GenerationId
from tests.simulation.durable import Kept
from tests.simulation.rows import Rows


class Violation(AssertionError):
    """A promise that was broken."""


class Monitor:
    """Sees every append when it is stored, everything that a reader is shown, and every change of
    the rows. The first thing that is wrong is kept, in whoever's task it was found."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._logs: dict[str, list[Entry]] = {}
        self._stopped_at: dict[str, int] = {}
        self.violation: str | None = None

    def wrong(self, what: str) -> None:
        self.violation = self.violation or what

    def stored(self, log: str, entries: Sequence[Entry]) -> None:
        kept = self._logs.setdefault(log, [])
        for entry in entries:
            last = kept[-1].last if kept else 0
            if entry.first != last + 1:
                self.wrong(f"{log}: {entry.first} is stored behind {last}")
            if kept and is_terminal(kept[-1].event):
                self.wrong(f"{log}: {entry.event} is stored behind its terminal")
            stopped_at = self._stopped_at.get(log)
            if stopped_at is not None and not is_terminal(entry.event):
                self.wrong(f"{log}: {entry.event} is stored after a stop at {stopped_at}")
            kept.append(entry)
            if is_terminal(entry.event):
                self._agrees(log, fold(kept))

    def shown(self, log: str, after: int, entries: Sequence[Entry], who: str) -> None:
        """A reader whose cursor is `after` gets these."""
        kept = self._logs.get(log, [])
        last = kept[-1].last if kept else 0
        for entry in entries:
            if entry.first != after + 1:
                self.wrong(f"{who} of {log} gets {entry.first} after {after}")
            if entry.last > last:
                self.wrong(f"{who} of {log} is shown {entry.last}, and {last} is the last stored")
            elif not _same(entry, kept):
                self.wrong(f"{who} of {log} is shown another text than is stored: {entry}")
            after = entry.last

    def stopped(self, log: str, last: int) -> None:
        self._stopped_at.setdefault(log, last)
        for entry in self._logs.get(log, []):
            if entry.first > last and not is_terminal(entry.event):
                self.wrong(f"{log}: a stop returned with {last}, and more was stored before")

    def rows_changed(self) -> None:
        streaming = Counter(
            row.generation.conversation_id
            for row in self._rows.generations.values()
            if row.status is Status.STREAMING
        )
        for conversation, count in streaming.items():
            if count > 1:
                self.wrong(f"{conversation} has {count} live generations")

    def check_kept(self, answers: Mapping[str, Kept]) -> None:
        """At the end: what was read of an answer that its server keeps is that answer, over however
        many attempts, and nobody who read one lost it to another's cancelling."""
        for id, kept in answers.items():
            row, said = self._rows.generations[GenerationId(id)], self.transcript(id)
            whole = row.status is Status.COMPLETE
            for channel, text in (("answer", said.answer), ("reasoning", said.reasoning)):
                expected = kept.text("answer" if channel == "answer" else "reasoning")
                if not expected.startswith(text) or (whole and text != expected):
                    self.wrong(f"{id}: its {channel} is {text!r}, and its server has {expected!r}")
            if row.generation.error is not None and "cancelled" in row.generation.error.detail:
                self.wrong(f"{id}: it was cancelled while somebody read it")

    def transcript(self, log: str) -> Transcript:
        return fold(self._logs.get(log, []))

    def _agrees(self, log: str, transcript: Transcript) -> None:
        row = self._rows.generations[GenerationId(log)]
        message = self._rows.messages[row.generation.message_id]
        assert transcript.terminal is not None
        if row.status.live:
            self.wrong(f"{log}: its terminal is stored before it is settled")
        elif row.status != transcript.terminal.status:
            self.wrong(f"{log}: {transcript.terminal.status} in the log, {row.status} in the rows")
        elif (message.content, message.reasoning) != (transcript.answer, transcript.reasoning):
            self.wrong(f"{log}: its message is {message.content!r}, its log {transcript.answer!r}")


def _same(entry: Entry, kept: Sequence[Entry]) -> bool:
    """Whether the log has this at these offsets."""
    begin = bisect_left(kept, entry.first, key=attrgetter("last"))
    end = bisect_left(kept, entry.last, key=attrgetter("last")) + 1
    events = [each.event for each in kept[begin:end]]
    return join_deltas(events) == [entry.event]
