"""What Prometheus would get of a service, read by the parsers of its own client."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True, slots=True)
class Figures:
    """`samples` by their names and labels; `labels` that each name has; the `text` as it came."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]
    labels: Mapping[str, frozenset[str]]
    text: str

    def sum(self, name: str, **labels: str) -> float:
        """Of all series that have these labels."""
        wanted = set(labels.items())
        return sum(
            value for (it, has), value in self.samples.items() if it == name and wanted <= has
        )

    def series(self, name: str) -> list[dict[str, str]]:
        return [dict(labels) for it, labels in self.samples if it == name]


async def figures_of(
    http: httpx2.AsyncClient, *, accept: str = "text/plain", headers: Mapping[str, str] = {}
) -> Figures:
    answer = await http.get("/metrics", headers={**headers, "Accept": accept})
    assert answer.status_code == 200, answer.text
    return figures_in(answer.text, openmetrics=accept == OPENMETRICS)


def figures_in(text: str, *, openmetrics: bool = False) -> Figures:
    parse = parse_openmetrics if openmetrics else parse_text
    families = parse(text)
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    labels: dict[str, frozenset[str]] = {}
    for family in families:
        assert family.documentation, family.name
        for sample in family.samples:
            at = sample.name, frozenset(sample.labels.items())
            assert at not in samples, at
            samples[at] = sample.value
            labels[sample.name] = labels.get(sample.name, frozenset()) | sample.labels.keys()
    return Figures(samples, labels, text)
