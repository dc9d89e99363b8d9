"""The program in which llama.cpp serves one file: reads how from its input, says where on its
output, and ends with its input, that is with whoever started it, however that ends."""

import json
import os
import signal
import sys
from typing import Any

_WARNINGS = 2
_MOST_WAITING = 62


def main() -> None:
    # Whoever stops the service sends this to all of its processes; answers are still being written.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answer = os.fdopen(os.dup(1), "w")
    # What the library may print goes with its log.
    os.dup2(2, 1)
    server = _serve(json.loads(sys.stdin.readline()))
    answer.write(f"{server.listening_address}\n")
    answer.flush()
    sys.stdin.read()
    # Not by way of the library's own end, which waits for the answers that are being written.
    os._exit(0)


def _serve(how: dict[str, Any]) -> Any:
    # What it prints when it is imported is no answer of ours.
    import xllamacpp  # type: ignore[import-untyped]  # noqa: PLC0415

    params = xllamacpp.CommonParams()
    params.model.path = how["path"]
    params.model_alias = {how["model"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [how["key"]]
    params.n_gpu_layers = how["gpu_layers"]
    params.n_parallel = how["slots"]
    params.n_ctx = how["context_tokens"] * how["slots"]
    params.cache_ram_mib = how["cache_mib"]
    # One for each answer, be it written or waiting for its turn.
    params.n_threads_http = how["slots"] + _MOST_WAITING
    params.offline = True
    params.ui = False
    params.verbosity = _WARNINGS
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
