"""What an operator can set: by flags, the environment, `.env` and a TOML file, in that order."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from llmchat.config.access import AccessFields
from llmchat.config.answers import AnswerFields
from llmchat.config.complaints import Complaints, Origin
from llmchat.config.fields import (
    DatabaseUrl,
    Directory,
    Env,
    Host,
    LogLevel,
    RedisUrl,
)
from llmchat.config.layers import VariablesLayer
from llmchat.config.mqtt import MqttFields
from llmchat.config.presets import PRESETS, Preset, completed
from llmchat.config.provider import (
    KINDS,
    AnyProvider,
    DemoSettings,
    ProviderName,
    ProviderSettings,
)
from llmchat.config.routes import RouteName, RouteSettings, checked
from llmchat.config.spending import SpendingFields
from llmchat.config.tables import KEYS_OF_TABLES
from llmchat.config.tomlfile import CONFIG_NAME, TomlFile
from llmchat.config.variables import CLIENT_NAMES, Variables
from llmchat.config.watching import WatchingFields
from llmchat.config.webhooks import WebhookFields


class SettingsError(Exception):
    """Everything that is wrong with the settings, and what to do about it."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"the settings cannot be used:{lines}")


class Settings(
    AccessFields,
    AnswerFields,
    SpendingFields,
    MqttFields,
    WatchingFields,
    WebhookFields,
    BaseSettings,
):
    """Made by `load_settings`; made directly, it knows its arguments and the defaults, no more."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        case_sensitive=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    host: Annotated[Host, Env("LLMCHAT_HOST", "HOST")] = "127.0.0.1"
    """The address to listen on; 0.0.0.0 is every address of this machine."""
    port: Annotated[int, Env("LLMCHAT_PORT", "PORT")] = Field(8000, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    data_dir: Annotated[Directory, Env("LLMCHAT_DATA_DIR")] = Path("data")
    """The directory of the embedded database, made when it is not there."""
    max_body_bytes: Annotated[int, Env("LLMCHAT_MAX_BODY_BYTES")] = Field(
        1_048_576, ge=1024, le=67_108_864
    )
    """The largest body of a request; images in it are base64, a third larger than their files."""
    shutdown_grace_seconds: Annotated[float, Env("LLMCHAT_SHUTDOWN_GRACE_SECONDS")] = Field(
        25, ge=0, le=3600
    )
    """How long a shutdown lets running answers go on before it interrupts or leaves them."""
    heartbeat_seconds: Annotated[float, Env("LLMCHAT_HEARTBEAT_SECONDS")] = Field(
        10, ge=0.05, le=300
    )
    """How long a stream may be silent before a heartbeat says that it is alive."""
    log_level: Annotated[LogLevel, Env("LLMCHAT_LOG_LEVEL", "LOG_LEVEL")] = "info"
    """The lowest level that is logged: debug, info, warning, error or critical."""
    log_format: Annotated[Literal["auto", "json", "text"], Env("LLMCHAT_LOG_FORMAT")] = "auto"
    """How a line of the log looks: text, json, or auto (text in a terminal, else json)."""

    discover: Annotated[bool, Env("LLMCHAT_DISCOVER")] = True
    """Whether to look for model servers on localhost:8080 and localhost:11434."""
    providers: dict[ProviderName, AnyProvider] = Field(default_factory=dict)
    """The providers that somebody asked for, by name; `resolved_providers` has the others too."""
    # Below what it needs: a validator sees only the fields above its own.
    routes: dict[RouteName, RouteSettings] = Field(default_factory=dict)
    """Lists of models, each of which answers as one model, route/name."""

    # Both may hold a password.
    database_url: Annotated[
        DatabaseUrl | None, Env("LLMCHAT_DATABASE_URL", "DATABASE_URL", secret=True)
    ] = Field(None, repr=False)
    """Postgres for many processes, or another SQLite file; one in the data directory when unset."""
    redis_url: Annotated[RedisUrl | None, Env("LLMCHAT_REDIS_URL", "REDIS_URL", secret=True)] = (
        Field(None, repr=False)
    )
    """Redis, for many processes: what is being written, and what they tell each other."""
    # Below what it needs: a validator sees only the fields above its own.
    workers: Annotated[int, Env("LLMCHAT_WORKERS")] = Field(1, ge=1, le=64)
    """How many processes serve; more than one need Postgres and Redis to share their work."""

    @field_validator("providers", mode="before")
    @classmethod
    def _complete(cls, tables: object) -> object:
        if not isinstance(tables, Mapping):
            return tables
        return {
            name: completed(name, table) if isinstance(table, Mapping) else table
            for name, table in tables.items()
        }

    @field_validator("providers")
    @classmethod
    def _keep_demo(
        cls, providers: dict[ProviderName, AnyProvider]
    ) -> dict[ProviderName, AnyProvider]:
        if "demo" in providers and providers["demo"].kind != "demo":
            raise ValueError('"demo" is kept for the demo models; choose another provider name')
        return providers

    @field_validator("routes")
    @classmethod
    def _know_their_models(
        cls, routes: dict[RouteName, RouteSettings], found: ValidationInfo
    ) -> dict[RouteName, RouteSettings]:
        if not {"providers", "discover"} <= found.data.keys():
            return routes
        names = {*found.data["providers"], *_looked_for(found.data["discover"]), "demo"}
        return checked(routes, names)

    @field_validator("workers")
    @classmethod
    def _can_share(cls, workers: int, found: ValidationInfo) -> int:
        urls = [found.data.get("database_url") or "", found.data.get("redis_url") or ""]
        usable = {"database_url", "redis_url"} <= found.data.keys()
        if usable and workers > 1 and not (urls[0].startswith("postgres") and urls[1]):
            raise ValueError(
                "several workers share their conversations in Postgres and their streams in "
                "Redis: set DATABASE_URL=postgresql://… and REDIS_URL=redis://…, or use one worker"
            )
        return workers

    @property
    def is_shared(self) -> bool:
        """Whether other processes work on the same data: then it is in Postgres and Redis."""
        return (self.database_url or "").startswith("postgres")

    @property
    def lacks_a_secret(self) -> bool:
        """Whether its processes would not recognise what another of them has signed."""
        return self.auth == "keys" and self.is_shared and self.secret_key is None

    @property
    def half_shared(self) -> str | None:
        """What is missing when only one of Postgres and Redis is there, and nothing can serve."""
        if self.is_shared and self.redis_url is None:
            return (
                "DATABASE_URL names a Postgres, which several processes may use, and they need "
                "Redis as well: set REDIS_URL, or unset DATABASE_URL for one embedded process."
            )
        if self.redis_url is not None and not self.is_shared:
            return (
                "REDIS_URL is set, and several processes need one database as well: set "
                "DATABASE_URL to a Postgres, or unset REDIS_URL for one embedded process."
            )
        return None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    def resolved_providers(self) -> dict[str, ProviderSettings]:
        """Every provider by its name: those asked for, those to look for, and the demo models."""
        found: dict[str, ProviderSettings] = dict(self.providers)
        for name, preset in _looked_for(self.discover).items():
            if name not in found:
                place = {"source": f"looked for on {preset.looked_for_on}", "optional": True}
                found[name] = KINDS[preset.kind].model_validate(completed(name, place))
        return found | {"demo": DemoSettings(source="built in")}


def _looked_for(discover: bool) -> Mapping[str, Preset]:
    return {name: it for name, it in PRESETS.items() if discover and it.looked_for_on}


def variables_of_fields() -> dict[str, Env]:
    """The variables of every field that has some, the one that wins first."""
    return {
        name: entry
        for name, field in Settings.model_fields.items()
        for entry in field.metadata
        if isinstance(entry, Env)
    }


def known_variables() -> dict[str, bool]:
    """Every variable that means something here, and whether it is secret and may be in a file."""
    known = {CONFIG_NAME: False, **CLIENT_NAMES}
    for env in variables_of_fields().values():
        known |= dict.fromkeys(env.names, env.secret)
    for preset in PRESETS.values():
        known |= dict.fromkeys((*preset.url_names, *preset.model_names), False)
        known |= dict.fromkeys(preset.key_names, True)
    return known


def load_settings(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    **overrides: object,
) -> Settings:
    """The settings as they are found from `cwd`; an override that is None does not count.

    Raises `SettingsError`, which names every problem at once.
    """
    directory = Path.cwd() if cwd is None else cwd
    variables = Variables(os.environ if environ is None else environ, directory)
    problems = variables.problems
    known = known_variables()
    files = (f"{name}_FILE" for name, secret in known.items() if secret)
    variables.check_spelling({*known, *files})

    toml = TomlFile.choose(config, variables.find(CONFIG_NAME), directory, problems)
    found = VariablesLayer(variables, variables_of_fields())
    flags = {name: value for name, value in overrides.items() if value is not None}
    origins = found.origins | {(name,): Origin(f"--{name.replace('_', '-')}") for name in flags}
    layers = tuple(InitSettingsSource(Settings, it) for it in (flags, found.values, toml.read()))
    try:
        settings = Settings(_build_sources=(layers, {}))
    except ValidationError as error:
        keys = {"": list(Settings.model_fields), **KEYS_OF_TABLES}
        complaints = Complaints(Settings, origins, toml.path.name, keys)
        raise SettingsError([*problems, *complaints.explain(error)]) from None
    if problems:
        raise SettingsError(problems)
    return settings
