"""What a turn begins with: a question, or what came of the calls of the answer before it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from llmchat.domain import Role, Status, ToolResult
from llmchat.errors import Invalid
from llmchat.ids import new_id
from llmchat.store.base import TurnDraft
from llmchat.store.payloads import parts_json
from llmchat.store.rows import ConversationRow, MessageRow


def questions(
    conversation: ConversationRow, parent: MessageRow | None, draft: TurnDraft, now: datetime
) -> Sequence[MessageRow]:
    """The messages of a draft, the last of which is answered. Raises Invalid for results that are
    not those of the parent's calls, each once."""
    if not draft.tool_results:
        question = new_message(conversation, parent, Role.USER, draft.content, Status.COMPLETE, now)
        question.parts = parts_json(draft.parts)
        return [question]
    _check_results(parent, draft.tool_results)
    rows: list[MessageRow] = []
    for result in draft.tool_results:
        parent = new_message(conversation, parent, Role.TOOL, result.content, Status.COMPLETE, now)
        parent.tool_call_id = result.tool_call_id
        rows.append(parent)
    return rows


def new_message(
    conversation: ConversationRow,
    parent: MessageRow | None,
    role: Role,
    content: str,
    status: Status,
    now: datetime,
) -> MessageRow:
    return MessageRow(
        id=new_id("msg"),
        conversation_id=conversation.id,
        parent_id=None if parent is None else parent.id,
        depth=0 if parent is None else parent.depth + 1,
        role=role,
        content=content,
        status=status,
        created_at=now,
    )


def _check_results(parent: MessageRow | None, results: Sequence[ToolResult]) -> None:
    if parent is None:
        raise Invalid("There is no message here whose tool calls these results could answer.")
    if Status(parent.status).live:
        raise Invalid(
            f"{parent.id} is still being written. Send the results of its tool calls when it has "
            "ended."
        )
    calls = [str(call["id"]) for call in parent.tool_calls or ()]
    if not calls:
        raise Invalid(
            f"{parent.id} made no tool calls. Results go behind the assistant's message that made "
            "the calls: name it as parent_id when it is not the end of the active branch."
        )
    given = Counter(result.tool_call_id for result in results)
    complaints = {
        "unknown": [id_ for id_ in given if id_ not in calls],
        "missing": [id_ for id_ in calls if id_ not in given],
        "given more than once": [id_ for id_, times in given.items() if times > 1],
    }
    wrong = [f"{what}: {', '.join(ids)}" for what, ids in complaints.items() if ids]
    if wrong:
        raise Invalid(
            f"Each tool call of {parent.id} needs exactly one result, by its id. "
            f"Of these ids are {'; '.join(wrong)}."
        )
