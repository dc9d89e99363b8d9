"""What every dialect asks: a model's name, and what was said so far."""

from pydantic import BaseModel

from llmchat.mock.behaviour import ModelName


class ContentPart(BaseModel):
    type: str
    text: str = ""


class ChatMessage(BaseModel):
    role: str
    content: str | list[ContentPart] | None = None

    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class Conversation(BaseModel):
    model: str
    messages: list[ChatMessage]

    def echo(self, model: ModelName) -> str | None:
        if model != "echo":
            return None
        texts = (
            message.text()
            for message in reversed(self.messages)
            if message.role in ("user", "tool")
        )
        return next(texts, "")

    def begun(self) -> str:
        """What the answer begins with: the text of an assistant's last message."""
        last = self.messages[-1] if self.messages else None
        return last.text() if last is not None and last.role == "assistant" else ""

    def prompt_tokens(self) -> int:
        return sum(len(message.text().split()) for message in self.messages)
