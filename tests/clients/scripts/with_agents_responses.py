"""openai-agents as it is by default: over responses. A tool, a stream, and two turns that the
server remembers."""

import asyncio
import json

from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(disabled=True)


@function_tool
def weather(place: str) -> str:
    """The weather at a place."""
    return f"Rain in {place}."


def model(name):
    # Without this, the part before the slash would be taken for one of its own providers.
    return OpenAIResponsesModel(model=name, openai_client=AsyncOpenAI())


async def main():
    agent = Agent(name="A", instructions="Be brief.", model=model("demo/echo"), tools=[weather])
    first = await Runner.run(agent, "hello")
    second = await Runner.run(agent, "again", previous_response_id=first.last_response_id)
    storyteller = Agent(name="B", model=model("openai/story?tokens=4"))
    streamed = Runner.run_streamed(storyteller, "hello")
    pieces = [
        event.data.delta
        async for event in streamed.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    told = {"answers": [first.final_output, second.final_output], "stream": "".join(pieces)}
    print(json.dumps({**told, "ids": first.last_response_id != second.last_response_id}))


asyncio.run(main())
