"""Results in sentences, for people who have to decide something."""

from collections.abc import Callable, Mapping, Sequence

from llmchat.experiments.intervals import Estimate

NOTES = {
    "running": "The experiment is still running. Decide once, when all that you planned is there: "
    "whoever looks every day and stops at the first difference finds one that is not there far "
    "more often than 1 time in 20.",
    "hints": "Only feedback was chosen beforehand to decide by. Among several other metrics one "
    "differs by chance now and then: take them as hints, and test what they hint at in another "
    "experiment.",
    "few_rate": "Fewer than half of the conversations were rated. Those who rate may not think "
    "like those who do not.",
}
_COUNTED = {
    "feedback": "rated conversations",
    "error_rate": "answered conversations",
    "first_token_seconds": "answered conversations",
    "output_tokens": "answered conversations",
    "cost_usd": "conversations with a known cost",
}
_NAMES = {
    "feedback": "positive ratings",
    "error_rate": "answers that failed",
    "first_token_seconds": "until the first token",
    "output_tokens": "tokens an answer",
    "cost_usd": "an answer",
}
_FAVOURS = {
    "feedback": ("is rated better than", "is rated worse than"),
    "error_rate": ("fails less often than", "fails more often than"),
    "first_token_seconds": ("begins sooner than", "begins later than"),
    "output_tokens": ("writes less than", "writes more than"),
    "cost_usd": ("costs less than", "costs more than"),
}
_SPELLED: Mapping[str, tuple[Callable[[float], str], Callable[[float], str]]] = {
    # A value, and a difference.
    "feedback": (lambda x: f"{100 * x:.1f} %", lambda x: f"{100 * x:+.1f} points"),
    "error_rate": (lambda x: f"{100 * x:.1f} %", lambda x: f"{100 * x:+.1f} points"),
    "first_token_seconds": (lambda x: f"{x:.3g} s", lambda x: f"{x:+.3g} s"),
    "output_tokens": (lambda x: f"{x:.1f}", lambda x: f"{x:+.1f}"),
    "cost_usd": (lambda x: f"${x:.6f}", lambda x: f"{x:+.6f} dollars"),
}


def too_few(metric: str, counts: Mapping[str, int], wanted: int) -> str:
    """`counts` by the name of the variant."""
    have = ", ".join(
        f"{count} {_COUNTED[metric]} in {name}" if at == 0 else f"{count} in {name}"
        for at, (name, count) in enumerate(counts.items())
    )
    return f"Not enough data: {have}; at least {wanted} in each are wanted."


def compared(
    metric: str,
    values: Sequence[tuple[str, float]],
    difference: Estimate,
    confidence: float,
    outcome: str,
) -> str:
    """`values` are the variant's and the first one's, with their names."""
    (name, value), (first, other) = values
    spell, spell_difference = _SPELLED[metric]
    low, high = difference.low or 0.0, difference.high or 0.0
    between = (
        f"the difference lies between {spell_difference(low)} and {spell_difference(high)}, with "
        f"{100 * confidence:.3g} % confidence."
    )
    numbers = f"{spell(value)} against {spell(other)} {_NAMES[metric]}"
    if outcome == "no_difference":
        return f"No difference shown between {name} and {first}: {numbers}; {between}"
    favours = _FAVOURS[metric][0 if outcome == "better" else 1]
    return f"{name} {favours} {first}: {numbers}; {between}"
