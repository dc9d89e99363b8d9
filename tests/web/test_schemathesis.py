"""Requests made up from the served OpenAPI document: no 5xx, and no answer that it does not name."""

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, HookContext
from schemathesis.checks import positive_data_acceptance

from llmchat.web import api
from llmchat.app import create_app
from llmchat.settings import Settings

schema = schemathesis.openapi.from_dict(create_app(Settings(discover=False)).openapi())
schema = schema.exclude(path_regex="/stream$")


@schema.hook
def map_body(context: HookContext, body: object) -> object:
    if isinstance(body, dict) and "model" in body:
        body["model"] = "demo/echo"
    return body


@schema.parametrize()
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_an_error_of_the_server(case: Case, base_url: str) -> None:
    case.call_and_validate(base_url=base_url, excluded_checks=[positive_data_acceptance], timeout=8)
