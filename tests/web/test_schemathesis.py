"""Requests made up from the OpenAPI document: none is an error of the server, and no answer is
one that the document does not name."""

from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation

from llmchat.app import create_app
from llmchat.settings import Settings
from tests.web.conftest import UNPACED

EXAMPLES = 2
PATIENCE_SECONDS = 20.0
MOST_MODEL_CHARS = 256
REFUSALS = [400, 404, 405, 409, 413, 415, 422]

config = schemathesis.Config.from_dict(
    {
        "checks": {
            "negative_data_rejection": {"expected-statuses": REFUSALS},
            # Ids, cursors and models have a form, but only some of them name something.
            "positive_data_acceptance": {"enabled": False},
            # This service is open; test_schemathesis_locked.py has one that is not.
            "ignored_auth": {"enabled": False},
        }
    }
)
document = create_app(Settings(discover=False)).openapi()
# A stream is not over when it has been read for a while; tests/e2e reads them.
schema = schemathesis.openapi.from_dict(document, config=config).exclude(path_regex="/stream$")


@pytest.fixture(scope="module")
def existing(base_url: str) -> dict[str, str]:
    """Objects that are there, by the path on which their ids appear."""
    with httpx2.Client(base_url=base_url) as client:
        conversation = client.post("/api/conversations", json={}).json()["id"]
        body = {"content": "hello", "model": "demo/echo"}
        sent = client.post(f"/api/conversations/{conversation}/messages", json=body).json()
    return {
        "/api/conversations": conversation,
        "/api/chat": conversation,
        "/api/messages": sent["reply"]["id"],
        "/api/generations": sent["generation"]["id"],
    }


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_an_error_of_the_server(
    case: Case[Any], base_url: str, existing: dict[str, str]
) -> None:
    at_once(case)
    collection = "/".join(case.path.split("/")[:3])
    if case.method != "DELETE" and collection in existing and may_have_another_id(case):
        case.path_parameters["id"] = existing[collection]
    case.call_and_validate(base_url=base_url, timeout=PATIENCE_SECONDS)


def may_have_another_id(case: Case[Any]) -> bool:
    """Not where the id is what is wrong: with a good one the request would be right, and still be
    expected to be refused."""
    path = case.meta.components.get(ParameterLocation.PATH) if case.meta is not None else None
    return "id" in case.path_parameters and not (path is not None and path.mode.is_negative)


def at_once(case: Case[Any]) -> None:
    """Choose the model that is there, at the pace at which nobody has to wait for it; what is wrong
    on purpose stays as it is."""
    body = case.body
    if not isinstance(body, dict):
        return
    model = body.get("model")
    if model is None or (isinstance(model, str) and 0 < len(model) <= MOST_MODEL_CHARS):
        body["model"] = "demo/echo"
    if case.path.startswith("/v1/"):
        body.update(UNPACED)
    params = body.get("params")
    if isinstance(params, dict | None):
        extra = (params or {}).get("extra")
        if isinstance(extra, dict | None):
            body["params"] = {**(params or {}), "extra": {**UNPACED}}
