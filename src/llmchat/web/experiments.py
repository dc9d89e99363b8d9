"""A/B experiments, which are an admin's business."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Request, Response

from llmchat.access.base import Action
from llmchat.domain import Status
from llmchat.experiments import base, intervals, results
from llmchat.experiments.base import Phase
from llmchat.web import template_bodies as bodies
from llmchat.web.audit import noting
from llmchat.web.auth import Admin, Guarded
from llmchat.web.deps import Use
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape

router = Router(prefix="/api/experiments", tags=["experiments"], route_class=Guarded)

NamePath = Annotated[
    str,
    Path(
        pattern=bodies.NAME,
        description="Its name.",
        openapi_examples={"polite": {"value": "polite"}},
    ),
]


class ExperimentVariant(Shape):
    name: str
    template: str
    version: int
    weight: int


class Experiment(Shape):
    name: str
    description: str | None
    template: str
    status: Phase
    wanted: int
    """Rated conversations for each variant, before the verdict."""
    variants: list[ExperimentVariant]
    created_at: datetime
    created_by: str
    started_at: datetime | None
    stopped_at: datetime | None


class ExperimentList(Shape):
    items: list[Experiment]


class Bounds(Shape):
    metric: results.Metric
    unit: Literal["share", "seconds", "tokens", "usd"]
    low: float | None
    """The interval's, which holds in 95 of 100 experiments, or as the comparison says."""
    high: float | None


class VariantMetric(Bounds):
    estimator: Literal["rate", "median", "mean"]
    count: int
    """How many conversations it stands on: each counts once, whatever it is about."""
    value: float | None


class MetricDifference(Bounds):
    primary: bool
    """The one to decide by; the others are hints."""
    enough: bool
    difference: float | None
    """The variant's, less the first one's."""
    outcome: results.Outcome
    verdict: str


class VariantResult(ExperimentVariant):
    conversations: int
    generations: dict[Status, int]
    rated: int
    """Ratings, of which a conversation may have several."""
    positive: int
    metrics: list[VariantMetric]


class Comparison(Shape):
    variant: str
    against: str
    confidence: float
    """Stricter than 0.95 with more than two variants, so that all comparisons together hold."""
    metrics: list[MetricDifference]


class ExperimentResults(Shape):
    experiment: Experiment
    primary: results.Metric
    confidence: float
    """Of the variants' own intervals."""
    enough: bool
    """Whether all variants have the rated conversations that are wanted."""
    verdict: str
    notes: list[str]
    """What to keep in mind."""
    variants: list[VariantResult]
    comparisons: list[Comparison]


@router.post("", status_code=201, responses=documented(400, 409, 413, 415, 422, 503))
async def create(request: Request, body: bodies.NewExperiment, use: Use, me: Admin) -> Experiment:
    """Draft an experiment. It changes nothing before its start. Takes the scope `admin`."""
    async with noting(request, Action.EXPERIMENT_CHANGE, body.name):
        wanted = [variant.wanted() for variant in body.variants]
        return _shown(await use.experimenting.add(body.draft(), wanted, me.user))


@router.get("", responses=documented(422, 503))
async def index(
    use: Use,
    me: Admin,
    template: Annotated[
        str | None, Query(pattern=bodies.NAME, description="Only those on this template.")
    ] = None,
) -> ExperimentList:
    """List the experiments. The newest first. Takes the scope `admin`."""
    return ExperimentList(items=[_shown(found) for found in await use.experiments.list(template)])


@router.get("/{name}", responses=documented(404, 422, 503))
async def show(name: NamePath, use: Use, me: Admin) -> Experiment:
    """Get an experiment. Takes the scope `admin`."""
    return _shown(await use.experiments.get(name))


@router.patch("/{name}", responses=documented(400, 404, 409, 413, 415, 422, 503))
async def change(
    request: Request, name: NamePath, body: bodies.ExperimentChange, use: Use, me: Admin
) -> Experiment:
    """Change an experiment. Its description, and the weights of its variants: what was assigned
    stays. Takes the scope `admin`."""
    async with noting(request, Action.EXPERIMENT_CHANGE, name):
        return _shown(
            await use.experiments.change(name, description=body.description, weights=body.weights)
        )


@router.delete("/{name}", status_code=204, responses=documented(404, 409, 422, 503))
async def delete(request: Request, name: NamePath, use: Use, me: Admin) -> Response:
    """Delete a draft. What has begun is kept, with its results. Takes the scope `admin`."""
    async with noting(request, Action.EXPERIMENT_CHANGE, name):
        await use.experiments.remove(name)
    return Response(status_code=204)


@router.post("/{name}/start", responses=documented(404, 409, 422, 503))
async def start(request: Request, name: NamePath, use: Use, me: Admin) -> Experiment:
    """Start an experiment. From now on, what begins with its template gets a variant. Takes the
    scope `admin`."""
    async with noting(request, Action.EXPERIMENT_CHANGE, name):
        return _shown(await use.experimenting.start(name))


@router.post("/{name}/stop", responses=documented(404, 409, 422, 503))
async def stop(request: Request, name: NamePath, use: Use, me: Admin) -> Experiment:
    """Stop an experiment. For good: what begins with its template gets the newest version again.
    Takes the scope `admin`."""
    async with noting(request, Action.EXPERIMENT_CHANGE, name):
        return _shown(await use.experiments.stop(name))


@router.get("/{name}/results", responses=documented(404, 422, 503))
async def show_results(name: NamePath, use: Use, me: Admin) -> ExperimentResults:
    """Read the results. Of each variant, and against the first one, with intervals; and whether it
    is enough to decide by. Takes the scope `admin`."""
    found = await use.experimenting.results(name)
    return ExperimentResults(
        experiment=_shown(found.experiment),
        primary=results.PRIMARY,
        confidence=intervals.CONFIDENCE,
        enough=found.enough,
        verdict=found.verdict,
        notes=list(found.notes),
        variants=[_variant(its) for its in found.variants],
        comparisons=[_comparison(its) for its in found.comparisons],
    )


def _shown(found: base.Experiment) -> Experiment:
    return Experiment.model_validate(found)


def _variant(found: results.VariantResult) -> VariantResult:
    variant, figures = found.variant, found.figures
    return VariantResult(
        name=variant.name,
        template=variant.template,
        version=variant.version,
        weight=variant.weight,
        conversations=figures.conversations,
        generations={status: figures.generations.get(status, 0) for status in Status},
        rated=figures.feedback.total,
        positive=figures.feedback.hits,
        metrics=_metrics(found.metrics),
    )


def _metrics(measured: Sequence[results.Measured]) -> list[VariantMetric]:
    return [
        VariantMetric(
            metric=it.metric,
            unit=results.WAYS[it.metric].unit,
            estimator=results.WAYS[it.metric].estimator,
            count=it.count,
            value=it.estimate.value,
            low=it.estimate.low,
            high=it.estimate.high,
        )
        for it in measured
    ]


def _comparison(found: results.Comparison) -> Comparison:
    metrics = [
        MetricDifference(
            metric=it.metric,
            unit=results.WAYS[it.metric].unit,
            primary=it.metric is results.PRIMARY,
            enough=it.enough,
            difference=it.difference.value,
            low=it.difference.low,
            high=it.difference.high,
            outcome=it.outcome,
            verdict=it.verdict,
        )
        for it in found.metrics
    ]
    return Comparison(
        variant=found.variant, against=found.against, confidence=found.confidence, metrics=metrics
    )
