"""pydantic-ai, as its users write it."""

import asyncio
import json

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel


async def main():
    agent = Agent(OpenAIChatModel("demo/echo"), instructions="Be brief.")
    answer = await agent.run("hello")
    told = Agent(OpenAIChatModel("openai/story?tokens=4&reasoning=2"))
    async with told.run_stream("hello") as streamed:
        text = [piece async for piece in streamed.stream_text(delta=True)]
    usage = streamed.usage
    tokens = (usage() if callable(usage) else usage).output_tokens
    print(json.dumps({"answer": answer.output, "stream": "".join(text), "usage": tokens}))


asyncio.run(main())
