"""langchain-openai, as its users write it."""

import json

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
def weather(city: str, days: int) -> str:
    """The weather of a city."""
    return f"{days} days of sun in {city}"


model = ChatOpenAI(model="openai/echo", temperature=0)
answer = model.invoke([SystemMessage("Be brief."), HumanMessage("hello")])
pieces = list(ChatOpenAI(model="demo/echo", stream_usage=True).stream("hello"))
whole = pieces[0]
for piece in pieces[1:]:
    whole += piece
calling = ChatOpenAI(model="openai/story?fail=tool-calls").bind_tools([weather])
asked = calling.invoke("How warm is it?")
results = [ToolMessage("fine", tool_call_id=call["id"]) for call in asked.tool_calls]
told = model.bind_tools([weather]).invoke([HumanMessage("How warm?"), asked, *results])
print(
    json.dumps(
        {
            "answer": answer.content,
            "stream": whole.content,
            "usage": whole.usage_metadata["output_tokens"],
            "calls": [call["name"] for call in asked.tool_calls],
            "told": told.content,
        }
    )
)
