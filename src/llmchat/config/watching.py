"""The settings about who sees how the service is."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict

from llmchat.config.fields import Env, SecretKey


class WatchingFields(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    metrics: Annotated[Literal["admin", "open", "off"], Env("LLMCHAT_METRICS")] = "admin"
    """Who may read /metrics: admin (as for any other path), open (who reaches the address), off."""
    metrics_token: Annotated[SecretKey | None, Env("LLMCHAT_METRICS_TOKEN", secret=True)] = None
    """A token for Prometheus, at least 32 characters: it opens /metrics, and nothing else."""
