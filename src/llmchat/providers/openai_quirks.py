"""What servers of OpenAI's protocol do not agree about in a request: the table, and what is learnt.

| field | refused by | then |
| --- | --- | --- |
| the switch of thinking | models that do not think, or cannot but think | its next value, or none |
| `stream_options` | servers older than it, such as vLLM before 0.4.3 | left out: no usage is told |
| `max_tokens` | OpenAI's reasoning models behind another address | `max_completion_tokens` |
| `max_completion_tokens` | servers older than it | `max_tokens` |
| `temperature`, `top_p` | reasoning models | the caller is told: they change the answer |

Only what llmchat itself put into a request is taken back without a word.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llmchat.domain import Params

ThinkingSwitch = Literal[
    "chat_template_kwargs", "reasoning_effort", "reasoning", "think", "thinking", "none"
]

SWITCHED_OFF: Mapping[ThinkingSwitch, Sequence[Any]] = {
    # llama.cpp, vLLM and SGLang give it to the model's template, as Qwen and others read it.
    "chat_template_kwargs": [{"enable_thinking": False}],
    # OpenAI, Groq, Gemini, Mistral, xAI, Cerebras: who has no "none" takes one of the others.
    "reasoning_effort": ["none", "minimal", "low"],
    # OpenRouter, Together: some models cannot be stopped from thinking, and can think less.
    "reasoning": [{"enabled": False}, {"effort": "low"}],
    "think": [False],
    # DeepSeek.
    "thinking": [{"type": "disabled"}],
    "none": [],
}
"""How a server is asked not to think; where it refuses, the next value that it may take."""

_OTHER_NAMES = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
_VARIABLES = {"temperature": "LLM_TEMPERATURE", "top_p": "LLM_TOP_P"}
# Words of any sentence, and never what a server complains about here.
_IN_EVERY_BODY = {"model", "messages", "stream"}
_UNKNOWN = re.compile(
    r"unsupported|not supported|(does not|doesn't) support|unrecogni[sz]ed|unknown|unexpected"
    r"|\bextra\b|not (permitted|allowed|enabled|accepted)|invalid (parameter|argument|field)"
    r"|only the default",
    re.IGNORECASE,
)
_A_PARAMETER = re.compile(r"param|argument|field|inputs?\b|propert", re.IGNORECASE)
_ABOUT_THINKING = re.compile(r"reason|think|chat_template", re.IGNORECASE)
_MOST_MODELS = 256


@dataclass(frozen=True, slots=True)
class Request:
    """`ours` are the fields that may be taken back: no caller asked for them."""

    body: Mapping[str, Any]
    ours: frozenset[str]


@dataclass(frozen=True, slots=True)
class Correction:
    """What becomes of a field: it gets another name, or another value; without a name it is left
    out."""

    field: str
    name: str | None = None
    value: Any = None

    def applied(self, request: Request) -> Request:
        if self.field not in request.body or self.field not in request.ours:
            return request
        body = dict(request.body)
        value = body.pop(self.field)
        if self.name is None:
            return Request(body, request.ours)
        body[self.name] = value if self.value is None else self.value
        # What has another name now is not given the first one again.
        renamed = set() if self.name == self.field else {self.name}
        return Request(body, request.ours - renamed)


class Quirks:
    """What one server refused, model by model, so that it refuses it only once."""

    def __init__(self, switch: ThinkingSwitch = "none") -> None:
        self._switch = switch
        self._learnt: dict[str, dict[str, Correction]] = {}

    def request(self, body: Mapping[str, Any], params: Params, *, goes_on: bool) -> Request:
        """The body as its model is known to take it. `goes_on`: with an answer that is begun."""
        extra = params.extra or {}
        ours = frozenset({"stream_options", *(_OTHER_NAMES.keys() - extra.keys())})
        request = Request(body, ours)
        # Where a model would think first, llama.cpp refuses to go on with its answer, or takes what
        # there is of it for a thought.
        if params.skip_thinking or (goes_on and self._switch == "chat_template_kwargs"):
            request = self._switched_off(request, extra)
        for correction in self._learnt.get(body["model"], {}).values():
            request = correction.applied(request)
        return request

    def corrected(self, request: Request, said: str) -> Request | None:
        """The request without what the server refuses in this sentence, which is remembered; None
        when that is the caller's, or it is about something else."""
        field = self._refused(request, said)
        if field is None:
            return None
        correction = self._correction(field, request.body[field], said)
        self._learn(request.body["model"], correction)
        return correction.applied(request)

    def _switched_off(self, request: Request, extra: Mapping[str, Any]) -> Request:
        switch = self._switch
        # Whoever says how to think, by this field or by another, is not contradicted.
        if switch == "none" or (SWITCHED_OFF.keys() - {switch}) & extra.keys():
            return request
        value = SWITCHED_OFF[switch][0]
        if switch not in extra:
            return Request({**request.body, switch: value}, request.ours | {switch})
        asked = extra[switch]
        if isinstance(asked, Mapping) and isinstance(value, Mapping):
            return Request({**request.body, switch: {**value, **asked}}, request.ours)
        return request

    def _refused(self, request: Request, said: str) -> str | None:
        ours = [name for name in (self._switch, *request.body) if name in request.ours]
        ours = [name for name in ours if name in request.body]
        named = [name for name in request.body if _names(said, name)]
        for name in ours:
            if name in named and (name == self._switch or _UNKNOWN.search(said)):
                return name
        if set(named) - _IN_EVERY_BODY:
            return None
        if self._switch in ours and _ABOUT_THINKING.search(said):
            return self._switch
        # It does not say what: then nothing that anybody asked for.
        added = [name for name in ours if name not in _OTHER_NAMES]
        unknown = _UNKNOWN.search(said) and _A_PARAMETER.search(said)
        return added[0] if added and unknown else None

    def _correction(self, field: str, value: object, said: str) -> Correction:
        if field in _OTHER_NAMES:
            return Correction(field, _OTHER_NAMES[field])
        values = SWITCHED_OFF.get(self._switch, ()) if field == self._switch else ()
        further = values[values.index(value) + 1 :] if value in values else ()
        words = [it for it in further if not isinstance(it, str) or _names(said, it)]
        return Correction(field, field, words[0]) if words else Correction(field)

    def _learn(self, model: str, correction: Correction) -> None:
        if model not in self._learnt and len(self._learnt) >= _MOST_MODELS:
            self._learnt.pop(next(iter(self._learnt)))
        self._learnt.setdefault(model, {})[correction.field] = correction


def advice(body: Mapping[str, Any], said: str) -> str | None:
    """What to do about a parameter of the caller that the model does not take."""
    if not _UNKNOWN.search(said):
        return None
    refused = next((name for name in _VARIABLES if name in body and _names(said, name)), None)
    if refused is None:
        return None
    return (
        f"The model does not take {refused}={body[refused]}: leave it out of the request, or unset "
        f"{_VARIABLES[refused]} where it comes from the settings."
    )


def _names(said: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said, re.IGNORECASE) is not None
