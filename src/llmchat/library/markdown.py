"""A conversation as Markdown, to read: pure."""

from collections.abc import Iterator, Sequence

from llmchat.domain import Message, Role
from llmchat.events import ToolCall
from llmchat.library.base import Archive

_WHO = {Role.USER: "You", Role.SYSTEM: "System", Role.TOOL: "Result of a tool"}


def markdown(archive: Archive) -> str:
    """The title and the active branch. Images are only named, thoughts are quoted."""
    title = archive.conversation.title or "Conversation"
    return "\n\n".join([f"# {' '.join(title.split())}", *_sections(archive)]) + "\n"


def _sections(archive: Archive) -> Iterator[str]:
    system_prompt = archive.conversation.system_prompt
    if system_prompt:
        yield f"## System\n\n{system_prompt}"
    for message in _active_branch(archive):
        yield "\n\n".join([f"## {_who(message)}", *_said(message)])


def _active_branch(archive: Archive) -> list[Message]:
    known = {message.id: message for message in archive.messages}
    branch: list[Message] = []
    next_id = archive.conversation.active_leaf
    while next_id is not None:
        branch.append(known[next_id])
        next_id = branch[-1].parent_id
    return branch[::-1]


def _who(message: Message) -> str:
    if message.role is Role.ASSISTANT:
        return f"Assistant ({message.model})" if message.model else "Assistant"
    return _WHO[message.role]


def _said(message: Message) -> Iterator[str]:
    if message.reasoning:
        yield "\n".join(f"> {line}".rstrip() for line in message.reasoning.splitlines())
    for part in message.parts or (message.content,):
        if not isinstance(part, str):
            yield "*(an image)*"
        elif part:
            yield part
    if message.tool_calls:
        yield _calls(message.tool_calls)
    if not message.status.live and message.status != "complete":
        why = f": {message.error.detail}" if message.error else ""
        yield f"*({message.status}{why})*"


def _calls(calls: Sequence[ToolCall]) -> str:
    return "\n".join(f"    {call.name}({call.arguments})" for call in calls)
