"""Every pair of colours that the page puts on each other can be told apart by everybody."""

import re
from itertools import product
from pathlib import Path

import pytest

STYLE = Path(__file__).parents[2] / "src/llmchat/static/page/style"
_TOKEN = re.compile(r"--([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)")
_TEXTS = ("ink", "quiet", "accent", "bad", "warn", "good")
_GROUNDS = ("paper", "raised", "sunken", "hover", "chosen", "mine")
_CODE = ("ink", "comment", "keyword", "string", "number", "name", "type", "added", "removed")
# https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast
READ, SEEN = 4.5, 3.0
PAIRS = [
    *((text, ground, READ) for text, ground in product(_TEXTS, _GROUNDS)),
    *((f"code-{text}", "code-ground", READ) for text in _CODE),
    ("on-accent", "accent-fill", READ),
    ("on-bad", "bad-fill", READ),
    ("accent", "accent-soft", READ),
    ("ink", "accent-soft", READ),
    ("bad", "bad-soft", READ),
    ("ink", "bad-soft", READ),
    *((f"plot-{part}", ground, SEEN) for part in (1, 2) for ground in ("paper", "raised")),
    *(("edge", ground, SEEN) for ground in ("paper", "raised")),
    *(("focus", ground, SEEN) for ground in _GROUNDS),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_and_edges_have_the_contrast_they_need(theme: str) -> None:
    tokens = _tokens(theme)
    weak = [
        f"{front} on {ground} has {found:.2f} of {needed}"
        for front, ground, needed in PAIRS
        if (found := contrast(tokens[front], tokens[ground])) < needed
    ]
    assert weak == []


def test_colours_are_named_in_one_place() -> None:
    literal = re.compile(r"#[0-9a-fA-F]{3,8}\b(?=[^{]*[;}])|\b(?:rgb|hsl|oklch)a?\(")
    others = [path for path in STYLE.glob("*.css") if path.name != "tokens.css"]
    assert others
    assert [path.name for path in others if literal.search(path.read_text("utf-8"))] == []


def _tokens(theme: str) -> dict[str, str]:
    found = _TOKEN.findall((STYLE / "tokens.css").read_text("utf-8"))
    return {name: light if theme == "light" else dark for name, light, dark in found}


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
