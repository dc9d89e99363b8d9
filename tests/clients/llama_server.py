"""The process of a llama.cpp server: `llama_server.py MODEL_FILE NAME` writes its address, and
serves until its input ends."""

import sys

import xllamacpp  # type: ignore[import-untyped]


def serve(model: str, name: str) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {name}
    params.port = 0
    params.n_parallel = 2
    params.n_ctx = 0  # as much as the model was made for
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.n_threads_http = 8
    params.endpoint_slots = True
    params.offline = True
    params.warmup = False
    params.ui = False
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    serve(*sys.argv[1:])
