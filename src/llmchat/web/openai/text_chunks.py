"""From events to the chunks of a streamed text completion: the text of the answer, and its end."""

from llmchat.events import Delta, Event, Failed, Finished, Reset
from llmchat.web.lines import line_json
from llmchat.web.openai.frames import DONE, Frames, Head
from llmchat.web.openai.text_completion import KIND, text_reason_of


class TextChunks(Frames):
    """As Chunks, for those who know neither roles nor thoughts nor tools."""

    def __init__(self, head: Head, *, with_usage: bool) -> None:
        super().__init__(head, KIND, with_usage=with_usage)
        self._before_text = self._open + b',"choices":[{"index":0,"text":'

    def _frame(self, event: Event) -> bytes:
        if self.ended:
            return b""
        match event:
            case Delta(text, "answer"):
                return self._text(text)
            case Reset(text=text):
                return self._go_on_from(text)
            case Finished():
                self.ended = True
                last = self._choice("", text_reason_of(event.finish_reason))
                return last + self._usage(event.usage) + DONE
            case Failed(problem=problem):
                return self._error(problem)
            case _:
                return b""

    def _text(self, text: str) -> bytes:
        if not text:
            return b""
        self._said.append(text)
        return self._choice(text, None)

    def _choice(self, text: str, reason: str | None) -> bytes:
        end = b',"finish_reason":' + line_json(reason) + b',"logprobs":null'
        return self._before_text + line_json(text) + end + self._behind
