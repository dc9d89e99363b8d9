"""What stands in every log line about an answer."""

from collections.abc import Mapping

import structlog

from llmchat.chat.observing import Answer, Observer


def labels_of(answer: Answer) -> Mapping[str, str]:
    """Which, in which conversation, for whom, and by which request it was begun."""
    labels = {
        "generation_id": answer.id,
        "conversation_id": answer.conversation_id,
        "user": answer.user,
        "request_id": answer.origin.request_id,
    }
    return {name: value for name, value in labels.items() if value is not None}


class Labels(Observer):
    """Names the answer in the lines of the task that writes it. That task may have been started by
    another answer's, when its turn came, or by a sweep: theirs are taken away."""

    def writing(self, answer: Answer) -> None:
        if answer.generation is not None:
            structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(**labels_of(answer))
