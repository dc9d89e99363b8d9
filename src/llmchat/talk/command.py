"""`llmchat chat`: a conversation in the terminal, with a service that runs."""

import asyncio
import os
import sys
from typing import Annotated

import typer

from llmchat.errors import LlmchatError, Unauthenticated
from llmchat.terminal import give_up

_NO_KEY = "Give a key: --key sk-llmchat-…, or LLMCHAT_API_KEY in the environment."


def chat(
    model: Annotated[
        str | None, typer.Option(help="Answers: provider/name, or the conversation's own.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The service (LLMCHAT_URL, or http://127.0.0.1:8000).")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="An API key (LLMCHAT_API_KEY, which other users cannot see in ps)."),
    ] = None,
    conversation: Annotated[
        str | None, typer.Option(help="The id of a conversation, instead of the last one.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin another conversation.")] = False,
) -> None:
    """Talk to a model: the last conversation goes on, and so does an answer that is being written.

    Ctrl-C stops an answer, and again it leaves. In a pipe, what comes in is one message:
    echo Hello | llmchat chat"""
    if new and conversation is not None:
        give_up("--new begins a conversation, and --conversation names one: give one of them.")
    try:
        code = _talk(model, url, key, conversation, new=new)
    except Unauthenticated as error:
        give_up(f"{error.detail} {_NO_KEY}")
    except LlmchatError as error:
        give_up(error.detail)
    except BrokenPipeError:
        # Whoever reads has enough; without this, Python complains at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(code)


def _talk(
    model: str | None, url: str | None, key: str | None, conversation: str | None, *, new: bool
) -> int:
    # `--help` need not load an HTTP client.
    from llmchat.client import Client
    from llmchat.talk.screen import standard_screen
    from llmchat.talk.session import Session, piped
    from llmchat.talk.state import State, default_path

    client = Client(url, key=key)
    with asyncio.Runner() as runner:
        runner.run(client.__aenter__())
        try:
            session = Session(runner, client, standard_screen(), State(default_path()))
            # Before a conversation is begun for it: what comes from the pipe may be no message.
            text = None if sys.stdin.isatty() else piped()
            opened = session.begin(conversation, new=new)
            if text is None:
                return session.converse(opened, model)
            return session.answer_once(opened, text, model)
        finally:
            runner.run(client.__aexit__(None, None, None))
