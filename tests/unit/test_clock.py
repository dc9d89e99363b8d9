"""Somebody who sets the machine's clock does not set ours."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from llmchat.clock import Clock

HOUR_SECONDS = 3600


def test_it_begins_with_the_time_of_day() -> None:
    before = datetime.now(UTC)
    now = Clock().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - before) < timedelta(minutes=5)


@pytest.mark.parametrize("jump", [-HOUR_SECONDS, HOUR_SECONDS])
def test_a_jump_of_the_wall_clock_is_not_seen(monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    clock = Clock()
    seconds, now = clock.seconds(), clock.now()
    wall = time.time
    monkeypatch.setattr("llmchat.clock.time.time", lambda: wall() + jump)

    assert 0 <= clock.seconds() - seconds < HOUR_SECONDS / 2
    assert timedelta(0) <= clock.now() - now < timedelta(minutes=30)
    assert abs(Clock().seconds() - seconds - jump) < HOUR_SECONDS / 2, "a restart reads it anew"


def test_it_never_goes_back() -> None:
    clock = Clock()
    seconds = [clock.seconds() for _ in range(1000)]
    assert seconds == sorted(seconds)


def test_both_forms_are_one_time() -> None:
    clock = Clock()
    first, now, last = clock.seconds(), clock.now(), clock.seconds()
    # A datetime has microseconds, and rounds to them.
    assert first - 1e-6 <= now.timestamp() <= last + 1e-6
