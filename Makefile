# For any make from 3.81 on. `make run` installs nothing outside .venv; `make test` may ask the system for programs (tests/system.py).
.DEFAULT_GOAL := help
.PHONY: help run test check format bench image clean

VENV       := .venv
BIN        := $(VENV)/bin
UV_VERSION := 0.13.8
UV         := $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)
OUR_UV     := $(filter $(BIN)/uv,$(UV))
PYTHON      = $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
                $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# Whoever wishes for no .pyc files would have each of the tests' hundreds of processes compile all packages anew.
unexport PYTHONDONTWRITEBYTECODE
# Whatever environment the caller has activated or configured, uv writes to this one and downloads no interpreter.
unexport VIRTUAL_ENV
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON := $(BIN)/python
export UV_PYTHON_DOWNLOADS := never
ifdef OUR_UV
export UV_CACHE_DIR := $(CURDIR)/$(VENV)/.cache
endif

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run  ## Set everything up and serve on http://127.0.0.1:8000 (ARGS="--port 9000")
	@exec $(BIN)/llmchat serve $(ARGS)

# Tests mostly wait: three files at a time, but for the one that loads the machine by itself, and browsers, which paint.
CROWD       = tests/chaos/test_thousand_readers.py
TOGETHER    = $(BIN)/pytest -n 3 --dist loadfile --ignore $(CROWD) --ignore tests/browser
ALONE       = $(BIN)/pytest $(CROWD)
BROWSER     = $(BIN)/pytest -n 2 --dist loadfile tests/browser

test: $(VENV)/.dev  ## Set everything up and run every test (ARGS="-k resume")
	@$(BIN)/python -m tests.system
	$(if $(ARGS),$(BIN)/pytest $(ARGS),$(TOGETHER) && $(ALONE) && $(BROWSER))

check: $(VENV)/.dev  ## Lock file, format, lint, types, import rules
	$(UV) lock --check --offline --quiet
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict src tests bench
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Put right what can be put right by machine
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.dev  ## Measure the service against a bare relay (QUICK=1: in two minutes)
	@$(BIN)/python -m bench $(if $(QUICK),--quick) $(ARGS)

image:  ## Build the container image llmchat
	docker build --tag llmchat .

clean:  ## Remove the environment and what the tools keep
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# A virtual environment does not survive being moved: one made in another folder is made anew.
ifneq ($(shell cat $(VENV)/.made-in 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.made-in
endif
$(VENV)/.made-in:
	@test -n '$(PYTHON)' || { echo 'llmchat needs Python 3.11 or later, and there is none on the PATH.' \
	  'Install one, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'Setting up $(VENV) …'
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@printf %s '$(CURDIR)' >$@

$(BIN)/uv: Makefile $(VENV)/.made-in
	@$(BIN)/python -m ensurepip >/dev/null || { echo 'This Python brings no pip.' \
	  'On Debian and Ubuntu: apt-get install python3-venv. Or install uv, which needs none.' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --quiet --no-cache-dir uv==$(UV_VERSION)
	@touch $@

# Without --inexact, `make run` would remove what `make test` has installed.
$(VENV)/.run: pyproject.toml uv.lock $(VENV)/.made-in $(OUR_UV)
	@$(UV) sync --frozen --quiet --no-dev --inexact
	@touch $@

$(VENV)/.dev: pyproject.toml uv.lock $(VENV)/.made-in $(OUR_UV)
	@$(UV) sync --frozen --quiet
	@touch $(VENV)/.run $@
