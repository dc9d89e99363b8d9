"""Whom to tell, as an operator writes it down."""

import base64
from pathlib import Path

import pytest

from llmchat.settings import Settings, SettingsError, load_settings
from tests.receiver import SECRET

URL = "https://example.com/hook"


def load(folder: Path, toml: str = "", **environ: str) -> Settings:
    (folder / "llmchat.toml").write_text(toml)
    return load_settings(environ=environ, cwd=folder)


def test_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    settings = load(
        tmp_path,
        f'[webhooks.pager]\nurl = "{URL}/2"\nsecret_file = "{tmp_path}/secret"\n'
        'events = ["generation.failed"]\n',
        LLMCHAT_WEBHOOK_URL=URL,
        LLMCHAT_WEBHOOK_SECRET=SECRET,
        LLMCHAT_WEBHOOK_EVENTS="budget.reached, generation.failed",
    )
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert [(name, it.url, it.keys, it.events) for name, it in settings.all_webhooks.items()] == [
        ("default", URL, (key,), ("budget.reached", "generation.failed")),
        ("pager", f"{URL}/2", (key,), ("generation.failed",)),
    ]


def test_two_secrets_while_one_replaces_the_other(tmp_path: Path) -> None:
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    settings = load(tmp_path, LLMCHAT_WEBHOOK_URL=URL, LLMCHAT_WEBHOOK_SECRET=f"{other}, {SECRET}")
    assert [key[:1] for key in settings.all_webhooks["default"].keys] == [b"x", b"1"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"LLMCHAT_WEBHOOK_URL": URL}, "set LLMCHAT_WEBHOOK_SECRET"),
        ({"LLMCHAT_WEBHOOK_SECRET": "hunter2"}, "expected whsec_ and then 24 to 64 random bytes"),
        ({"LLMCHAT_WEBHOOK_SECRET": "whsec_aGk="}, "24 to 64 random bytes"),
        ({"LLMCHAT_WEBHOOK_SECRET": "whsec_?"}, "24 to 64 random bytes"),
        ({"LLMCHAT_WEBHOOK_URL": "example.com"}, "expected a URL such as"),
        ({"LLMCHAT_WEBHOOK_URL": "https://me:hunter2@example.com"}, "without user name"),
        ({"LLMCHAT_WEBHOOK_URL": "http://example.com"}, "expected https://"),
        ({"LLMCHAT_WEBHOOK_EVENTS": "generation.begun"}, "generation.finished"),
    ],
)
def test_what_cannot_be_used_is_said_and_never_quoted(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    secret = {} if said.startswith("set ") else {"LLMCHAT_WEBHOOK_SECRET": SECRET}
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, **secret | environ)
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_http_is_for_private_networks(tmp_path: Path) -> None:
    toml = f'[webhooks.lan]\nurl = "http://10.0.0.7/hook"\nsecret = "{SECRET}"\n'
    with pytest.raises(SettingsError, match="LLMCHAT_WEBHOOK_PRIVATE_ADDRESSES"):
        load(tmp_path, toml)
    settings = load(tmp_path, toml, LLMCHAT_WEBHOOK_PRIVATE_ADDRESSES="true")
    assert list(settings.all_webhooks) == ["lan"]
    assert SECRET not in repr(settings)
