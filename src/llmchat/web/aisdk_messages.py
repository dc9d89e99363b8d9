"""The AI SDK's `UIMessage`: what its clients send, and the history in the same shape."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from llmchat import domain
from llmchat.chat.clientchats import Submission
from llmchat.domain import Message, OnBusy, Part, Role, ToolResult
from llmchat.web.aisdk_frames import calls_as_parts, output_of, usage_json
from llmchat.web.schemas import Shape
from llmchat.wire.bounds import MOST_TEXT_CHARS, CleanText, ModelId, SessionId, Text, bounded_json
from llmchat.wire.contents import MOST_IMAGES, MOST_URL_CHARS, image_url
from llmchat.wire.params import Params

_MOST_MESSAGES = 10_000
_MOST_PARTS = 1_000
_MOST_RESULTS = 128
_MOST_ID_CHARS = 256

ClientId = Annotated[CleanText, Field(min_length=1, max_length=_MOST_ID_CHARS)]


class ListedMessage(BaseModel):
    """A `UIMessage`. Of all but the last only the id is read: their text is stored already."""

    model_config = ConfigDict(extra="ignore", strict=True, use_attribute_docstrings=True)

    id: ClientId
    """Its name in your list: your own for a question, ours for an answer."""
    role: Literal["system", "user", "assistant"]
    parts: Annotated[list[Any], Field(max_length=_MOST_PARTS)] = []
    """Of a question: `text`, and `file` with an image as a data URL. Of an answer: the calls of its
    last step with their outputs."""


class UIChat(BaseModel):
    """What `DefaultChatTransport` sends. What else your `body` has is not looked at."""

    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "fox-chat",
                    "messages": [
                        {
                            "id": "fBcO1",
                            "role": "user",
                            "parts": [{"type": "text", "text": "the quick brown fox"}],
                        }
                    ],
                    "trigger": "submit-message",
                    "model": "demo/echo",
                }
            ]
        },
    )

    id: SessionId
    """The chat's: any name of yours, which is a conversation of its own for each caller, or the id
    of a conversation."""
    messages: Annotated[list[ListedMessage], Field(min_length=1, max_length=_MOST_MESSAGES)]
    """Your whole list; the last one is what is new. When it is one that is known, with another
    text, it is an edit, and begins a branch. Only the last one will do as well."""
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: Annotated[ClientId | None, Field(alias="messageId")] = None
    """The question that is edited, or the answer that is to be made anew."""
    model: ModelId | None = None
    """`provider/name`; when left out, the chat's, then the server's default."""
    params: Params | None = None
    system: Text | None = None
    """The chat's system prompt, from now on."""
    on_busy: Annotated[OnBusy, Field(strict=False)] = OnBusy.INTERRUPT
    """When the chat's last answer is still being written: `interrupt` it, as your user went on
    without it; `queue` behind it, or `reject` with 409."""
    _submission: Submission = PrivateAttr()

    @model_validator(mode="after")
    def _read(self) -> "UIChat":
        self._submission = _submission(self)
        if len(self.system_prompt or "") > MOST_TEXT_CHARS:
            raise ValueError(f"the system prompt is longer than {MOST_TEXT_CHARS} characters")
        return self

    @property
    def submission(self) -> Submission:
        return self._submission

    @property
    def domain_params(self) -> domain.Params:
        return self.params.to_domain() if self.params else domain.Params()

    @property
    def system_prompt(self) -> str | None:
        """As it was given, or as the list begins with it."""
        first = self.messages[0]
        if self.system is None and first.role == "system" and len(self.messages) > 1:
            return "".join(_texts(first.parts)) or None
        return self.system


class UIMessage(Shape):
    """As `useChat` takes it in `messages`."""

    id: str
    role: Literal["system", "user", "assistant"]
    parts: list[dict[str, Any]]
    metadata: dict[str, Any]


class UIHistory(Shape):
    id: str
    """As you asked for it."""
    conversation_id: str
    """By which every other call knows the chat."""
    generating: bool
    """An answer is being written: it is not among the messages, but in the chat's stream."""
    messages: list[UIMessage]


def ui_messages(messages: Sequence[Message]) -> list[UIMessage]:
    """A branch, oldest first; calls of tools, their results and what was said to them are one."""
    listed: list[UIMessage] = []
    results: dict[str | None, str] = {}
    for message in reversed(messages):
        if message.role is Role.TOOL:
            results[message.tool_call_id] = message.content
            continue
        shown = _ui_message(message, results)
        results = {}
        if listed and shown.role == listed[-1].role == "assistant":
            later = listed.pop()
            shown.parts += later.parts
            shown.metadata |= later.metadata
        listed.append(shown)
    return listed[::-1]


def _ui_message(message: Message, results: Mapping[str | None, str]) -> UIMessage:
    role: Any = message.role.value
    parts = list(_parts(message, results))
    return UIMessage(id=message.id, role=role, parts=parts, metadata=_metadata(message))


def _submission(chat: UIChat) -> Submission:
    """Raises ValueError for what is no message."""
    *before, last = chat.messages
    if last.role == "system":
        raise ValueError("the last message is a system prompt: there is nothing to answer")
    earlier = [message.id for message in before]
    if last.role == "assistant" and chat.trigger == "regenerate-message":
        raise ValueError("to answer anew, the list ends with the question")
    if last.role == "assistant":
        return Submission(last.id, earlier, results=_results(last.parts))
    parts = list(_said(last.parts))
    texts = [part for part in parts if isinstance(part, str)]
    images = len(parts) - len(texts)
    content = "".join(texts)
    if not content and not images:
        raise ValueError("the last message has neither a text nor an image")
    if images > MOST_IMAGES:
        raise ValueError(f"{images} images, and a message takes {MOST_IMAGES}")
    if len(content) > MOST_TEXT_CHARS:
        raise ValueError(f"the text is longer than {MOST_TEXT_CHARS} characters")
    return Submission(
        last.id,
        earlier,
        content,
        tuple(parts) if images else (),
        again=chat.trigger == "regenerate-message",
        on_purpose=chat.message_id is not None,
    )


def _said(parts: Sequence[Any]) -> Iterator[Part]:
    for part in map(_object, parts):
        match part:
            case {"type": "text", "text": str(text)}:
                yield bounded_json(text)
            case {"type": "file", "url": str(url)} if len(url) <= MOST_URL_CHARS:
                yield domain.Image(image_url(url))
            case {"type": "text" | "file"}:
                raise ValueError("a text part has a `text`, a file part a `url`: a data URL")


def _texts(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        match part:
            case {"type": "text", "text": str(text)}:
                yield bounded_json(text)


def _results(parts: Sequence[Any]) -> Sequence[ToolResult]:
    """Of the calls of the last step."""
    found = [_object(part) for part in parts]
    steps = [place for place, part in enumerate(found) if part.get("type") == "step-start"]
    results = list(_outputs(found[steps[-1] :] if steps else found))
    if not results:
        raise ValueError(
            "the last message is an answer, and none of its tools has an output: end the list with "
            "a question, or with the outputs"
        )
    if len(results) > _MOST_RESULTS:
        raise ValueError(f"more than {_MOST_RESULTS} outputs of tools")
    return results


def _outputs(parts: Sequence[Mapping[str, Any]]) -> Iterator[ToolResult]:
    for part in parts:
        match part:
            case {"toolCallId": str(id), "state": "output-available"}:
                yield _result(id, part.get("output"))
            case {"toolCallId": str(id), "state": "output-error"}:
                yield _result(id, part.get("errorText") or "The tool failed.")
            case {"toolCallId": str(id), "state": "output-denied"}:
                yield _result(id, "The user did not allow this call.")


def _result(id: str, output: Any) -> ToolResult:
    clean_id, clean_output = bounded_json(id), bounded_json(output)
    if isinstance(clean_output, str):
        content = clean_output
    else:
        content = json.dumps(clean_output, ensure_ascii=False, separators=(",", ":"))
    if not 0 < len(clean_id) <= _MOST_ID_CHARS or len(content) > MOST_TEXT_CHARS:
        raise ValueError(f"an output is longer than {MOST_TEXT_CHARS} characters, or its id is")
    return ToolResult(clean_id, content)


def _object(part: Any) -> Mapping[str, Any]:
    if not isinstance(part, dict):
        raise ValueError("a part is an object with a `type`")  # noqa: TRY004 - a field's error
    return part


def _parts(message: Message, results: Mapping[str | None, str]) -> Iterator[dict[str, Any]]:
    if message.role is not Role.ASSISTANT:
        for part in message.parts or (message.content,):
            yield _shown(part)
        return
    yield {"type": "step-start"}
    if message.reasoning:
        yield {"type": "reasoning", "text": message.reasoning, "state": "done"}
    if message.content:
        yield {"type": "text", "text": message.content, "state": "done"}
    for chunk in calls_as_parts(message.tool_calls):
        yield _call(chunk, results)


def _call(chunk: dict[str, Any], results: Mapping[str | None, str]) -> dict[str, Any]:
    id = chunk["toolCallId"]
    part = {"type": f"tool-{chunk['toolName']}", "toolCallId": id, "input": chunk["input"]}
    if "errorText" in chunk:
        return part | {"state": "output-error", "errorText": chunk["errorText"]}
    if id in results:
        return part | {"state": "output-available", "output": output_of(results[id])}
    return part | {"state": "input-available"}


def _shown(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    media_type = part.url.removeprefix("data:").partition(";")[0]
    return {"type": "file", "mediaType": media_type, "url": part.url}


def _metadata(message: Message) -> dict[str, Any]:
    metadata: dict[str, Any] = {"createdAt": message.created_at.isoformat()}
    if message.role is Role.ASSISTANT:
        metadata |= {
            "generationId": message.generation_id,
            "model": message.model,
            "status": message.status.value,
        }
    if message.usage:
        metadata["usage"] = usage_json(message.usage)
    if message.error:
        metadata["error"] = message.error.detail
    return metadata
