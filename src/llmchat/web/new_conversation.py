"""What a conversation begins with."""

from pydantic import ConfigDict

from llmchat.domain import Params, ReplyMode
from llmchat.store.drafts import ConversationDraft
from llmchat.web.bodies import ConversationFields
from llmchat.web.template_bodies import TemplateUse
from llmchat.wire.bounds import SessionId


class NewConversation(ConversationFields):
    session_id: SessionId | None = None
    """Your own name for it. When you have a conversation of this name, that is what you get, as it
    is: to begin it twice is to begin it once. The sessions (`/api/llm/chat/session`) know it by
    this name, too."""
    template: TemplateUse | None = None
    """Begin with a template of the server's, instead of a `system_prompt`. A `model` and `params`
    that you name win over the template's."""
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Foxes",
                    "system_prompt": "Answer in one sentence.",
                    "model": "demo/echo",
                    "metadata": {"topic": "animals"},
                },
                {},
            ]
        }
    )

    def to_draft(self) -> ConversationDraft:
        """Without its template (see TemplatingService.drafted)."""
        return ConversationDraft(
            self.title,
            self.system_prompt,
            self.model,
            self.params.to_domain() if self.params else Params(),
            self.metadata or {},
            external_id=self.session_id,
            reply_mode=self.reply_mode or ReplyMode.ALWAYS,
        )
