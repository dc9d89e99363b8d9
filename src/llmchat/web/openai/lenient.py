"""Request bodies of another's dialect: what is not known here is the upstream's business."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from llmchat.wire.bounds import bounded_json


class LenientBody(BaseModel):
    """Takes fields that it does not know, as JSON within bounds, for whoever does. A null is a
    field that is not set: several clients send all that they have."""

    model_config = ConfigDict(extra="allow", strict=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items() if value is not None}

    @model_validator(mode="after")
    def _bounded(self) -> "LenientBody":
        if self.__pydantic_extra__:
            self.__pydantic_extra__ = bounded_json(self.__pydantic_extra__)
        return self

    @property
    def unknown(self) -> Mapping[str, Any]:
        """What is passed on as it is."""
        return self.__pydantic_extra__ or {}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


OneOrMore = BeforeValidator(_listed)
"""A text stands for a list of one, as in `stop`."""
