"""What docs/webhooks.md tells a receiver to do is right."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from llmchat.config.webhooks import secrets_of
from llmchat.webhooks.deliverer import RETRY_SECONDS
from llmchat.webhooks.signing import signed_headers
from tests.receiver import SECRET

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
BODY = '{"type":"generation.finished","data":{"ö":1}}'.encode()


@pytest.fixture
def verified() -> Callable[..., Any]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)
    function: Callable[..., Any] = found["verified"]
    return function


def signed(*secrets: str, age: float = 0) -> dict[str, str]:
    keys = secrets_of(SecretStr(",".join(secrets)))
    at = int(time.time() - age)
    return dict(signed_headers(keys, id="evt_1", timestamp=at, body=BODY))


def test_it_takes_what_is_signed(verified: Callable[..., Any]) -> None:
    other = "whsec_" + "A" * 44
    assert verified(SECRET, signed(SECRET), BODY) == json.loads(BODY)
    assert verified(SECRET, signed(other, SECRET), BODY) == json.loads(BODY)


def test_it_takes_nothing_else(verified: Callable[..., Any]) -> None:
    for headers, body in (
        (signed("whsec_" + "A" * 44), BODY),
        (signed(SECRET), BODY + b" "),
        (signed(SECRET) | {"webhook-id": "evt_2"}, BODY),
        (signed(SECRET, age=400), BODY),
    ):
        with pytest.raises(ValueError, match=r"fit|old"):
            verified(SECRET, headers, body)


def test_the_pauses_are_those_of_the_program() -> None:
    minutes, hours = 60, 3600
    said = (5, *(n * minutes for n in (5, 30)), *(n * hours for n in (2, 5, 10, 14, 20, 24)))
    assert said == RETRY_SECONDS
    assert "5 seconds, 5 and 30 minutes, and 2, 5, 10, 14, 20 and 24 hours" in PAGE
