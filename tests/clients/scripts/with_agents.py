"""openai-agents over chat completions, as its users write it."""

import asyncio
import json

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    Runner,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

set_tracing_disabled(disabled=True)


def agent(model):
    chat = OpenAIChatCompletionsModel(model=model, openai_client=AsyncOpenAI())
    return Agent(name="Assistant", instructions="Be brief.", model=chat)


async def main():
    answer = await Runner.run(agent("demo/echo"), "hello")
    streamed = Runner.run_streamed(agent("openai/story?tokens=4"), "hello")
    pieces = [
        event.data.delta
        async for event in streamed.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    print(json.dumps({"answer": answer.final_output, "stream": "".join(pieces)}))


asyncio.run(main())
