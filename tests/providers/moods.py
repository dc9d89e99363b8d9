"""What the mock upstream does, right or wrong, and what has to come of it in any dialect."""

from dataclasses import dataclass

from llmchat.errors import ProviderError
from llmchat.events import Finished, Usage
from llmchat.providers.base import Provider
from llmchat.text import clean
from tests.providers.asking import KEY, ask
from tests.upstream import answer_text

TOKENS = 6
AFTER = 4
CUT_OFF = "t0 t1 t2 t3 "
USAGE = Usage(input_tokens=2, output_tokens=TOKENS)
BYTE_BY_BYTE = 1


@dataclass(frozen=True, slots=True)
class Broken:
    """What came before the failure, the error, and a part of its sentence."""

    text: str
    error: type[ProviderError]
    says: str


def cases(broken: dict[str, Broken]) -> list[tuple[str, int]]:
    """Each kind of failure with whole frames, and with single bytes where there is a stream."""
    no_stream = {kind for kind, found in broken.items() if not found.text}
    return sorted(
        [
            *((kind, 0) for kind in broken),
            # A million reads of one byte would take a minute: the tests of bounds feed the reader.
            *((kind, BYTE_BY_BYTE) for kind in broken.keys() - no_stream - {"giant-line"}),
        ]
    )


async def must_be_fine(provider: Provider, kind: str, split: int) -> None:
    """Its exact text, its end and its usage."""
    heard = await ask(provider, tokens=TOKENS, fail=kind, split=split)

    assert heard.text == clean(answer_text(tokens=TOKENS, fail=kind))
    assert heard.finished == Finished("complete", "stop", USAGE)


async def must_break(provider: Provider, kind: str, split: int, broken: Broken) -> None:
    """Its text is kept, and it is never taken for a whole answer."""
    heard = await ask(provider, tokens=TOKENS, after=AFTER, fail=kind, split=split, size=2_000_000)

    assert heard.text == broken.text
    assert isinstance(heard.error, broken.error)
    assert broken.says in heard.error.detail
    assert KEY not in heard.error.detail
    assert "\n" not in heard.error.detail
