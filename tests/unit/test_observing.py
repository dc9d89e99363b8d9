"""Observers are all told, and none of them harms an answer."""

from collections.abc import Sequence

import pytest

from llmchat.chat.observing import Answer, End, Observer, Observers
from llmchat.events import Delta, Event, Finished
from llmchat.ids import GenerationId

ANSWER = Answer(GenerationId("gen_1"), "demo/echo")
END = End(Finished("complete", "stop"))


class Notes(Observer):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def began(self, answer: Answer) -> None:
        self.heard.append(("began", answer))

    def wrote(self, answer: Answer, events: Sequence[Event]) -> None:
        self.heard.append(("wrote", answer, events))

    def ended(self, answer: Answer, end: End) -> None:
        self.heard.append(("ended", answer, end))

    def left(self, answer: Answer) -> None:
        self.heard.append(("left", answer))


class Broken(Notes):
    def ended(self, answer: Answer, end: End) -> None:
        raise RuntimeError("The plotter is out of paper.")


def test_all_are_told_whatever_one_of_them_does(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    first, last = Notes(), Notes()
    observers = Observers(first, Broken(), last)
    observers.began(ANSWER)
    observers.wrote(ANSWER, [Delta("a")])
    observers.ended(ANSWER, END)
    observers.left(ANSWER)

    assert first.heard == last.heard
    assert [note[0] for note in first.heard if isinstance(note, tuple)] == [
        *("began", "wrote"),
        *("ended", "left"),
    ]
    # Wherever an earlier test has sent the lines of this process.
    assert "out of paper" in capsys.readouterr().out + caplog.text
