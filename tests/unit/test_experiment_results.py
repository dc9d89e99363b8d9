"""What results say: when they decide, when they do not, and by what."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from llmchat.experiments.base import (
    Experiment,
    Figures,
    Moments,
    Phase,
    Shares,
    Sorted,
    Variant,
)
from llmchat.experiments.intervals import ranks_wanted
from llmchat.experiments.results import Contrast, Metric, Results, judged
from llmchat.ids import OwnerId

NOW = datetime(2026, 11, 21, tzinfo=UTC)
NAMES = ("plain", "warm", "cold")


def experiment(count: int = 2, wanted: int = 100) -> Experiment:
    return Experiment(
        name="polite",
        template="support",
        variants=[Variant(name, "support", 1) for name in NAMES[:count]],
        wanted=wanted,
        status=Phase.STOPPED,
        created_at=NOW,
        created_by=OwnerId("local"),
    )


def figures(positive: int, total: int = 200, *, tokens: float = 100, failed: int = 4) -> Figures:
    seconds = {rank: 0.5 + rank / 1000 for rank in ranks_wanted(total)}
    return Figures(
        conversations=total,
        generations={},
        feedback=Shares(total, total, positive, total, positive, positive),
        errors=Shares(total, total, failed, total, failed, failed),
        first_token=Sorted(total, seconds),
        output_tokens=Moments(total, tokens, 400.0 * (total - 1)),
        cost_usd=Moments(),
    )


def contrast(results: Results, metric: Metric, at: int = 0) -> Contrast:
    (found,) = [it for it in results.comparisons[at].metrics if it.metric is metric]
    return found


def test_a_difference_that_is_there_is_told_with_its_interval() -> None:
    found = judged(experiment(), {"plain": figures(140), "warm": figures(170)})

    assert found.enough
    assert contrast(found, Metric.FEEDBACK).outcome == "better"
    assert found.verdict == (
        "warm is rated better than plain: 85.0 % against 70.0 % positive ratings; the difference "
        "lies between +6.8 points and +22.9 points, with 95 % confidence."
    )


@pytest.mark.parametrize(
    ("tokens", "failed", "outcomes"),
    [(80, 0, ("better", "no_difference")), (130, 60, ("worse", "worse"))],
)
def test_less_is_better_of_everything_else(
    tokens: float, failed: int, outcomes: tuple[str, str]
) -> None:
    found = judged(
        experiment(), {"plain": figures(140), "warm": figures(140, tokens=tokens, failed=failed)}
    )
    metrics = (Metric.OUTPUT_TOKENS, Metric.ERROR_RATE)
    assert tuple(contrast(found, metric).outcome for metric in metrics) == outcomes
    assert contrast(found, Metric.FEEDBACK).outcome == "no_difference"
    assert found.verdict.startswith("No difference shown between warm and plain: 70.0 % against")


def test_it_waits_for_what_was_wanted_however_large_the_difference() -> None:
    found = judged(experiment(wanted=201), {"plain": figures(20), "warm": figures(180)})

    assert not found.enough
    assert found.verdict == (
        "Not enough data: 200 rated conversations in plain, 200 in warm; at least 201 in each are "
        "wanted."
    )
    assert contrast(found, Metric.FEEDBACK).outcome == "unknown"
    # The others wait for no more than their intervals need.
    assert contrast(found, Metric.OUTPUT_TOKENS).enough
    assert not contrast(found, Metric.COST_USD).enough


def test_with_more_variants_each_comparison_is_stricter() -> None:
    all_of_them = {"plain": figures(140), "warm": figures(158), "cold": figures(140)}
    two = judged(experiment(), {name: all_of_them[name] for name in NAMES[:2]})
    three = judged(experiment(3), all_of_them)

    assert [it.confidence for it in three.comparisons] == [0.975, 0.975]
    assert contrast(two, Metric.FEEDBACK).outcome == "better"
    assert contrast(three, Metric.FEEDBACK).outcome == "no_difference"
    assert three.verdict.count("No difference") == 2


def test_notes_say_what_to_keep_in_mind() -> None:
    some = {"plain": figures(140), "warm": replace(figures(150), conversations=900)}
    running = judged(replace(experiment(), status=Phase.RUNNING), some)
    stopped = judged(experiment(), {"plain": figures(140), "warm": figures(150)})

    assert ["still running" in note for note in running.notes] == [True, False, False]
    assert "Fewer than half" in running.notes[-1]
    assert len(stopped.notes) == 1
    assert "hints" in stopped.notes[0]


def test_every_variant_has_to_have_what_was_wanted() -> None:
    found = judged(experiment(), {"plain": figures(140), "warm": figures(99, total=99)})

    assert not found.enough
    assert "200 rated conversations in plain, 99 in warm" in found.verdict
    assert contrast(found, Metric.ERROR_RATE).enough
