"""The requests of test_schemathesis.py to a service that asks for keys, with an admin's key."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok

from tests.web.locked import Locked, bearer, locked_service
from tests.web.test_schemathesis import PATIENCE_SECONDS, at_once, schema

OPERATIONS = {
    found.ok().label: found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    chosen = {"shutdown_grace_seconds": 0, "wrong_keys_per_minute": 1_000_000}
    with locked_service(tmp_path_factory.mktemp("locked"), **chosen) as service:
        yield service


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_of_an_admin_is_an_error_of_the_server(
    label: str, locked: Locked, pytestconfig: pytest.Config
) -> None:
    examples: int = pytestconfig.getoption("schemathesis_examples")

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=OPERATIONS[label].as_strategy())
    def is_valid(case: Case[Any]) -> None:
        at_once(case)
        response = case.call(
            base_url=locked.base_url, headers=bearer(locked.admin), timeout=PATIENCE_SECONDS
        )
        assert response.status_code != 401, "the key was not sent"
        case.validate_response(response)

    is_valid()
