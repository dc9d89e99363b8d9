"""The settings about an OpenID issuer: what is taken, and what is refused at the start."""

from pathlib import Path

import pytest

from tests.unit.workplace import Workplace

ISSUER = "https://login.example.com/realms/main"
WHOLE = {
    "LLMCHAT_AUTH": "keys",
    "LLMCHAT_OIDC_ISSUER": ISSUER,
    "LLMCHAT_OIDC_AUDIENCE": "chat",
}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        ISSUER,
        "https://tenant.example.com/",
        "http://127.0.0.1:9000",
        "http://localhost/x",
        "http://[::1]:80",
    ],
)
def test_an_issuer_is_kept_letter_by_letter(place: Workplace, url: str) -> None:
    settings = place.load(WHOLE | {"LLMCHAT_OIDC_ISSUER": url})

    assert settings.oidc_issuer == url
    assert (settings.oidc_user_claim, settings.oidc_scope_claim) == ("sub", "scope")


@pytest.mark.parametrize(
    "url",
    [
        "login.example.com",
        "ftp://login.example.com",
        "https://",
        "https://a b",
        "https://ann:hush@login.example.com",
        "https://login.example.com?hush",
        "https://login.example.com#hush",
        "http://login.example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
    ],
)
def test_an_issuer_that_is_none(place: Workplace, url: str) -> None:
    problem = place.problem(WHOLE | {"LLMCHAT_OIDC_ISSUER": url})

    assert problem.startswith(
        "LLMCHAT_OIDC_ISSUER in the environment: expected a URL such as https://login.example.com"
    )
    assert "hush" not in problem


def test_an_issuer_wants_an_audience(place: Workplace) -> None:
    problem = place.problem({"LLMCHAT_AUTH": "keys", "LLMCHAT_OIDC_ISSUER": ISSUER})

    assert "set LLMCHAT_OIDC_AUDIENCE to what" in problem


@pytest.mark.parametrize("auth", [{}, {"LLMCHAT_AUTH": "open"}])
def test_an_issuer_wants_a_service_that_asks(place: Workplace, auth: dict[str, str]) -> None:
    given = {name: value for name, value in WHOLE.items() if name != "LLMCHAT_AUTH"}

    assert place.problem(given | auth) == (
        "LLMCHAT_OIDC_ISSUER in the environment: nobody is asked for a token unless "
        "LLMCHAT_AUTH=keys: set that too."
    )


@pytest.mark.parametrize("other", ["LLMCHAT_AUTH", "LLMCHAT_OIDC_AUDIENCE"])
def test_is_not_blamed_for_another_setting_that_is_wrong(place: Workplace, other: str) -> None:
    assert place.problem(WHOLE | {other: "x" * 600}).startswith(f"{other} in")
