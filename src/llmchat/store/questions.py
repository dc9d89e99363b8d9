"""What a turn begins with: a question, or what came of the calls of the answer before it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from llmchat.domain import Role, Status, ToolResult
from llmchat.errors import Invalid
from llmchat.ids import new_id
from llmchat.prompts import PromptMessage
from llmchat.store.drafts import TurnDraft
from llmchat.store.payloads import parts_json, tool_calls_json
from llmchat.store.rows import ConversationRow, MessageRow


def questions(
    conversation: ConversationRow, parent: MessageRow | None, draft: TurnDraft, now: datetime
) -> Sequence[MessageRow]:
    """The messages of a draft, the last of which is answered. Raises Invalid for results that are
    not those of the parent's calls, each once."""
    if draft.asked is not None:
        return given(conversation, parent, draft.asked.messages, now)
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


def given(
    conversation: ConversationRow,
    parent: MessageRow | None,
    messages: Sequence[PromptMessage],
    now: datetime,
) -> Sequence[MessageRow]:
    """Messages that a caller brings, one behind the other. Raises Invalid for results of tools that
    answer no calls, or not all."""
    rows: list[MessageRow] = []
    before = parent
    for message in messages:
        row = new_message(conversation, before, message.role, message.content, Status.COMPLETE, now)
        row.parts = parts_json(message.parts)
        row.tool_calls = tool_calls_json(message.tool_calls)
        row.tool_call_id = message.tool_call_id
        rows.append(row)
        before = row
    _check_given(parent, rows)
    return rows


def _check_given(parent: MessageRow | None, rows: Sequence[MessageRow]) -> None:
    """Calls that nobody answers are left out of a prompt; half of them answered is a mistake."""
    calls: set[str] = set(_calls_of(parent))
    answered: set[str] = set()
    for row in [*rows, None]:
        if row is not None and row.role == Role.TOOL:
            id_ = str(row.tool_call_id)
            if id_ not in calls or id_ in answered:
                raise Invalid(f"No tool call found for function call output with call_id {id_}.")
            answered.add(id_)
        else:
            if answered and (missing := calls - answered):
                raise Invalid(f"No tool output found for function call {min(missing)}.")
            calls, answered = set(_calls_of(row)), set()


def _calls_of(message: MessageRow | None) -> Sequence[str]:
    return [str(call["id"]) for call in (message and message.tool_calls) or ()]


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
