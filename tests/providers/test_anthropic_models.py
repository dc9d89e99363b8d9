"""What is made of Anthropic's list of models, which has pages."""

import json
from typing import Any

import pytest

from llmchat.domain import Model
from llmchat.errors import UpstreamMalformed
from tests.providers.asking import anthropic_at
from tests.providers.wire import JSON, http, wire


def page(*ids: str, **more: Any) -> bytes:
    found = [{"type": "model", "id": id, "max_input_tokens": 200_000} for id in ids]
    return http(json.dumps({"data": found, **more}), content_type=JSON)


async def test_the_list_of_models_has_pages() -> None:
    pages = (
        page("a", "b", has_more=True, last_id="b&é"),
        page("c", has_more=False, last_id="c"),
        page("never"),
    )
    async with wire(*pages) as upstream:
        provider = anthropic_at(upstream.base_url)
        listed = await provider.models()
        await provider.aclose()

    assert listed == [Model(id, "anthropic", context_window=200_000) for id in "abc"]
    assert len(upstream.requests) == 2
    assert upstream.requests[1].query == "limit=1000&after_id=b%26%C3%A9"


async def test_a_list_without_end_is_bounded() -> None:
    async with wire(page("a", has_more=True, last_id="a")) as upstream:
        provider = anthropic_at(upstream.base_url)
        assert [model.id for model in await provider.models()] == ["a"]
        await provider.aclose()

    assert 1 < len(upstream.requests) < 100


@pytest.mark.parametrize(
    "body", ["<html>", "[]", "{}", '{"data": [7]}', '{"data": [], "has_more": true}']
)
async def test_what_is_no_list_of_models_is_a_wrong_base_url(body: str) -> None:
    async with wire(http(body, content_type=JSON)) as upstream:
        provider = anthropic_at(upstream.base_url)
        with pytest.raises(UpstreamMalformed, match="usually ends in /v1"):
            await provider.models()
        await provider.aclose()
