"""The weights that every llama.cpp of these tests loads."""

from pathlib import Path

import pytest

from tests.gguf_model import write_model


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    write_model(path)
    return path
