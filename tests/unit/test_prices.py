"""What models cost: the operator's table first, then a package; it knows nothing of one's own."""

from decimal import Decimal
from pathlib import Path

import pytest

from llmchat.access.base import UNLIMITED, Allowance
from llmchat.access.usage import Group, Report, Sum
from llmchat.accounts import _table
from llmchat.events import Usage
from llmchat.metering import Price
from llmchat.providers.prices import prices_of
from llmchat.settings import SettingsError, load_settings

MINE = Price(Decimal(1), Decimal("0.5"), Decimal(2))
URLS = {
    "openai": "https://api.openai.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "local": "http://127.0.0.1:8080/v1",
    "lan": "http://192.168.1.5:8080/v1",
    "own": "https://llm.example.com/v1",
}


class TestPrices:
    def test_of_the_table_win(self) -> None:
        price = prices_of({"openai/gpt-5": MINE, "local/*": MINE}, URLS)
        assert price("openai/gpt-5") == MINE
        assert price("local/anything/at-all") == MINE
        assert price("own/model") is None

    def test_are_known_of_hosted_models(self) -> None:
        price = prices_of({}, URLS)
        known = price("openai/gpt-4o-mini")
        assert known is not None
        assert 0 < known.cached < known.input < known.output
        assert price("gemini/models/gemini-2.5-flash") is not None
        assert price("openai/no-such-model-at-all") is None

    @pytest.mark.parametrize("model", ["local/gpt-4o-mini", "lan/gpt-4o-mini", "own/gpt-4o-mini"])
    def test_are_not_those_of_a_namesake(self, model: str) -> None:
        assert prices_of({}, URLS)(model) is None

    def test_are_exact(self) -> None:
        usage = Usage(input_tokens=7, output_tokens=3, cached_tokens=2)
        assert MINE.of(usage) == Decimal("0.000012")
        strange = Usage(input_tokens=1, output_tokens=0, cached_tokens=5)
        assert MINE.of(strange) == Decimal("0.0000005")


class TestSettings:
    def test_have_prices(self, tmp_path: Path) -> None:
        config = tmp_path / "llmchat.toml"
        config.write_text('[prices."openai/gpt-5"]\ninput = 1.25\noutput = 10\n')
        found = load_settings(config, environ={}, cwd=tmp_path).prices["openai/gpt-5"]
        assert (found.input, found.cached, found.output) == (Decimal("1.25"), None, Decimal(10))

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ('[prices."a/b"]\ninput = 1\n', "output"),
            ('[prices."a/b"]\ninput = -1\noutput = 1\n', "input"),
            ('[prices."a/b"]\ninput = 1\noutput = 1\ninptu = 1\n', "inptu"),
            ('[prices."a/b"]\ninput = 0.00000001\noutput = 1\n', "input"),
            ("prices = 5\n", "a table"),
            ("tokens_per_day = 0\n", "tokens_per_day"),
            ("usd_per_day = 0\n", "usd_per_day"),
            ('usd_per_day = "much"\n', "usd_per_day"),
        ],
    )
    def test_say_what_is_wrong(self, tmp_path: Path, text: str, complaint: str) -> None:
        config = tmp_path / "llmchat.toml"
        config.write_text(text)
        with pytest.raises(SettingsError, match=complaint):
            load_settings(config, environ={}, cwd=tmp_path)

    def test_take_money_from_the_environment(self, tmp_path: Path) -> None:
        found = load_settings(environ={"LLMCHAT_USD_PER_MONTH": "12.50"}, cwd=tmp_path)
        assert found.usd_per_month == Decimal("12.5")


class TestAllowances:
    def test_are_kept_as_they_are(self) -> None:
        allowance = Allowance(tokens_per_day=5, usd_per_month=Decimal("0.1"))
        assert Allowance.from_json(allowance.as_json()) == allowance
        assert allowance.as_json() == {"tokens_per_day": 5, "usd_per_month": "0.1"}
        assert Allowance.from_json({}) == UNLIMITED


def test_the_table_is_of_what_a_terminal_can_show() -> None:
    some = Sum("openai/gpt-5", 1200, 0, 34, 0, Decimal("0.5"), 3, estimated=False)
    evil = Sum("a/\x1b[2Jmodel", 10, 0, 3, 0, None, 1, estimated=True)
    total = Sum(None, 1210, 0, 37, 0, Decimal("0.5"), 4, estimated=True)
    lines = _table(Report([some, evil], total), Group.MODEL)
    assert lines[1].split()[:5] == ["openai/gpt-5", "3", "1,200", "34", "0.500000"]
    assert lines[1].endswith("█" * 24)
    assert "\x1b" not in "".join(lines)
    assert lines[3].startswith("in all")
    assert lines[-1].startswith("~")
