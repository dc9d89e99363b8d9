"""What was shown, and what of it a kill has lost or doubled."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Round:
    """One kill: numbers of tokens and of generations."""

    shown: int = 0
    lost: int = 0
    doubled: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    kept: dict[str, str] = field(default_factory=dict)
    """The text of each message after the restart."""


@dataclass(slots=True)
class Tally:
    rounds: list[Round] = field(default_factory=list)

    def next(self) -> Round:
        self.rounds.append(Round())
        return self.rounds[-1]

    @property
    def lost(self) -> int:
        return sum(round_.lost for round_ in self.rounds)

    @property
    def doubled(self) -> int:
        return sum(round_.doubled for round_ in self.rounds)

    @property
    def shown(self) -> int:
        return sum(round_.shown for round_ in self.rounds)

    @property
    def kept(self) -> dict[str, str]:
        return {id_: text for round_ in self.rounds for id_, text in round_.kept.items()}

    def table(self) -> str:
        """One line a round and one for all."""
        lines = ["  round    shown     lost  doubled  ends"]
        for number, round_ in enumerate(self.rounds, 1):
            ends = ", ".join(f"{count} {end}" for end, count in sorted(round_.ends.items()))
            numbers = f"{round_.shown:>8} {round_.lost:>8} {round_.doubled:>8}"
            lines.append(f"{number:>7} {numbers}  {ends}")
        lines.append(f"    all {self.shown:>8} {self.lost:>8} {self.doubled:>8}")
        return "\n".join(lines)


def lost(shown: str, kept: str) -> int:
    """How many of the tokens that were shown are not in what was kept."""
    return (Counter(shown.split()) - Counter(kept.split())).total()


def doubled(texts: Sequence[str]) -> int:
    """How many tokens are in one text more than once; every token of these texts has a number."""
    return sum(len(text.split()) - len(set(text.split())) for text in texts)
