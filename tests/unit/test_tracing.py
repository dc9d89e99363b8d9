"""When answers are traced, and by which names."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, user_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, url_attributes

from llmchat.domain import Image, Role
from llmchat.events import Delta, ToolCall
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import Restarted
from llmchat.tracing import names
from llmchat.tracing.contents import Said, asked_json
from llmchat.tracing.switch import tracing_of

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
LATER = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}
ATTRIBUTES = {
    value
    for name, value in vars(names).items()
    if name.isupper() and isinstance(value, str) and "." in value
}
# Without a variable nothing of it is loaded by us; without the extra the service starts.
PROGRAM = """
import os, sys
from llmchat import logs
if sys.argv[1] == "not installed":
    sys.modules["opentelemetry.sdk"] = None
logs.configure("info", "text")
from llmchat.app import create_app
from llmchat.settings import Settings
create_app(Settings())
print("loaded" if "llmchat.tracing.tracing" in sys.modules else "not loaded")
"""


def run(how: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, how]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=dict(environ))


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_on"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        (ENDPOINT, True),
        (LATER, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "True"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "false"}, True),
    ],
)
def test_the_standard_variables_alone_switch_it_on(
    environ: Mapping[str, str], wanted: bool
) -> None:
    assert (tracing_of(environ, "1") is not None) == wanted


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "zipkin"}, "no such exporter"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
    ],
)
def test_what_is_not_spoken_is_told(
    environ: Mapping[str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert tracing_of(environ, "1") is not None
    # Wherever an earlier test has sent the lines of this process.
    fields = [str(vars(record)) for record in caplog.records]
    assert said in capsys.readouterr().out + " ".join(fields)


def test_without_the_variables_nothing_is_loaded() -> None:
    assert run("installed", {}).stdout == "not loaded\n"


def test_without_the_extra_the_service_starts_and_says_what_to_do() -> None:
    done = run("not installed", ENDPOINT)
    assert done.stdout == "not loaded\n"
    assert 'pip install "llmchat[otel]"' in done.stderr


def test_the_names_are_those_of_the_conventions() -> None:
    known = {
        value
        for module in (
            *(gen_ai_attributes, user_attributes),
            *(error_attributes, http_attributes, url_attributes),
        )
        for value in vars(module).values()
        if isinstance(value, str)
    }
    theirs = {value for value in ATTRIBUTES if not value.startswith("llmchat.")}
    assert theirs - known == set()
    assert len(theirs) > 20
    kinds = {it.value for it in gen_ai_attributes.GenAiProviderNameValues}
    assert set(names.PROVIDERS.values()) <= kinds


def test_what_was_asked_has_no_images_and_no_end() -> None:
    seen = PromptMessage(Role.USER, "what", parts=["what", Image("data:image/png;base64,AAAA")])
    called = PromptMessage(Role.ASSISTANT, "", tool_calls=[ToolCall(0, "1", "look", "{}")])
    found = PromptMessage(Role.TOOL, "x" * 100_000, tool_call_id="1")
    written = asked_json(Prompt("m", [seen, called, found]))

    assert '{"type":"text","content":"what"},{"type":"image"}' in written
    assert '{"type":"tool_call","id":"1","name":"look","arguments":"{}"}' in written
    assert "AAAA" not in written
    assert 30_000 < len(written) < 40_000


def test_what_was_said_is_what_counts_in_the_end() -> None:
    said = Said()
    said.add([Delta("void"), ToolCall(0, "0", "void", "")])
    said.add([Restarted("again"), Delta("hm", "reasoning"), Delta("o"), Delta("k")])
    said.add([ToolCall(0, "1", "look", '{"a"'), ToolCall(0, None, None, ":1}")])
    written = said.as_json("stop")

    assert "void" not in written
    assert '{"type":"reasoning","content":"hm"},{"type":"text","content":"ok"}' in written
    assert '"name":"look","arguments":"{\\"a\\":1}"' in written


def test_the_page_has_every_name_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "observability.md").read_text("utf-8")
    told = set(re.findall(r"`((?:gen_ai|http|url|error|user|llmchat)\.[a-z_.]*[a-z])`", page))
    assert told == ATTRIBUTES
