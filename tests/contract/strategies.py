"""Events and batches of events as Hypothesis draws them."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from llmchat.errors import UpstreamTruncated
from llmchat.events import (
    Channel,
    Delta,
    Event,
    Failed,
    Finished,
    Reset,
    Started,
    Terminal,
    ToolCall,
    Usage,
)

bounded = settings(
    max_examples=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""Few enough examples for every run, and no limit in time that a busy machine could miss."""

ODD_TEXTS = (
    "",
    "\n",
    "\r\n\r\n",
    "\x00",
    "\x7f\x85\u2028\u2029",
    "\ufeff\ufffd\uffff",
    "e\u0301é",
    "漢字",
    "😀",
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}",
    "\u202eabc",
    '"',
    "\\",
    '","',
    "],[",
    "long " * 700,
)

texts = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
channels: st.SearchStrategy[Channel] = st.sampled_from(("answer", "reasoning"))
logprobs = st.none() | st.sampled_from(('{"token":"a"}', '{"token":"\\u2028"},{"token":"\\ud83d"}'))
deltas = st.builds(Delta, texts, channels, logprobs=logprobs)
tool_calls = st.builds(
    ToolCall, st.integers(0, 3), st.none() | texts, st.none() | texts, arguments=texts
)
resets = st.builds(Reset, st.integers(2, 5), texts, texts)
usages = st.builds(
    Usage,
    st.integers(0, 2**53),
    st.integers(0, 2**53),
    cost_usd=st.none() | st.floats(0, 1e6),
    estimated=st.booleans(),
)
terminals: st.SearchStrategy[Terminal] = st.one_of(
    st.builds(
        Finished, st.sampled_from(("complete", "stopped")), st.none() | texts, st.none() | usages
    ),
    st.builds(
        Failed,
        st.sampled_from(("failed", "interrupted")),
        st.builds(lambda detail: UpstreamTruncated(detail).problem(), texts),
        st.none() | usages,
    ),
)
starts = st.builds(Started, texts, texts, texts, st.integers(1, 9))


def _run(count: int, channel: Channel) -> list[Event]:
    return [Delta(f"t{number} ", channel) for number in range(count)]


bodies: st.SearchStrategy[list[Event]] = st.one_of(
    st.lists(st.one_of(deltas, deltas, tool_calls, resets), min_size=1, max_size=6),
    st.builds(_run, st.integers(1, 150), channels),
)
"""What may stand between the start of a log and its end: odd events, or a long run of tokens."""

logs: st.SearchStrategy[list[Event]] = st.builds(
    lambda start, parts, end: [start, *(event for part in parts for event in part), end],
    starts,
    st.lists(bodies, max_size=5),
    terminals,
)
"""Whole logs."""
