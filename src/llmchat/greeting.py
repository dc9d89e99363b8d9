"""What `llmchat serve` says when it is ready."""

import asyncio
from pathlib import Path

import typer

from llmchat.providers.factory import ProviderFactory

_SHOWN_MODELS = 3


def greet(
    url: str,
    data_dir: Path | None,
    providers: ProviderFactory,
    *,
    locked: bool,
    first_key: str | None,
) -> None:
    """Where the page is, at once; then, when the servers have answered, which models there are.
    Without `data_dir` the data is shared with other processes."""
    typer.echo(f"\n  llmchat is ready at {url}  (API console: {url}/docs)")
    typer.echo(f"  Data is in {data_dir.absolute() if data_dir else 'Postgres and Redis'}")
    if locked:
        typer.echo("  Locked: callers send an API key; `llmchat keys create` makes one.")
    else:
        typer.echo("  Open: whoever can reach this address can use it.")
    if first_key is not None:
        typer.echo(f"  The first key, for the user admin, shown this once:\n\n    {first_key}")
    typer.echo("")
    task = asyncio.get_running_loop().create_task(_greet_models(providers), name="greet models")
    _greeting.add(task)
    task.add_done_callback(_greeting.discard)


_greeting: set[asyncio.Task[None]] = set()


async def _greet_models(providers: ProviderFactory) -> None:
    listed = await providers.available()
    for source in providers.sources:
        names = [model.id for model in listed if model.provider == source.name]
        if names:
            more = f" and {len(names) - _SHOWN_MODELS} more" if len(names) > _SHOWN_MODELS else ""
            shown = ", ".join(names[:_SHOWN_MODELS])
            typer.echo(f"  {source.name}: {shown}{more}  ({source.found})")
        elif not source.optional:
            typer.echo(
                f"  {source.name}: no model, or no answer from {source.url}. See: llmchat check"
            )
    typer.echo(f"  Default model: {await providers.default()}\n")
