# One command each; `make check` and `make year` are what CI runs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.13 >/dev/null 2>&1 && python3.13 -c '' 2>/dev/null && echo python3.13 || \
	(command -v python3.12 >/dev/null 2>&1 && python3.12 -c '' 2>/dev/null && echo python3.12) || \
	(command -v python3.11 >/dev/null 2>&1 && python3.11 -c '' 2>/dev/null && echo python3.11) || echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.dev $(VENV)/.compiled
export STOCKER_HOME ?= $(CURDIR)/.stocker
export DAGSTER_HOME ?= $(STOCKER_HOME)/dagster

.PHONY: help setup demo test slow year soak browser check format ui clean bench bench-engine bench-backfill bench-session lock

help: ## Show the commands.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

# Installs when the lock or the project file changed. `base` is enough for the demo.
$(VENV)/.base: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; assert (3, 11) <= v < (3, 14), "Stocker needs Python 3.11 to 3.13; found " + sys.version.split()[0] + " (set PYTHON=...)"'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint requirements.lock --editable .; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable .; fi
	@touch $@

# Compiles what the sources say, again after every update: else the first run would wait for it.
$(VENV)/.compiled: $(VENV)/.base $(shell find stocker_pipeline dbt_project -path '*/target' -prune -o \( -name '*.py' -o -name '*.sql' -o -name '*.yml' \) -print)
	@echo 'Compiling what changed (the first time and after an update of the engine: up to a minute) ...'
	@$(BIN)/python -m compileall -q stocker_pipeline
	@$(BIN)/python -m stocker_pipeline.stages.warm_up
	@$(BIN)/python -m stocker_pipeline.defs.analytics.warehouse
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint requirements.lock --editable '.[dev]'; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[dev]'; fi
	@touch $@

setup: $(VENV)/.compiled ## Make .venv with the pinned dependencies.

demo: $(VENV)/.compiled ## Ingest the sample market, backtest ten years and more, write the pages.
	@$(BIN)/stocker demo

test: $(READY) ## Run the whole test suite.
	@$(BIN)/python -m pytest -q -n auto

slow: $(READY) ## Run the longer tests too.
	@$(BIN)/python -m pytest -q -n auto -m 'slow or not slow'

year: $(READY) ## A paper book for a year under random faults, 5 seeds, as CI runs it.
	@$(BIN)/python -m stocker_pipeline_tests.soak --years 1 --seeds 5

soak: $(READY) ## A paper book for 10 years under random faults, 20 seeds (long).
	@$(BIN)/python -m stocker_pipeline_tests.soak --years 10 --seeds 20 --write

browser: $(READY) ## Launch a backtest in the UI with an installed Chromium, by clicking.
	@$(BIN)/python -m pytest -q -m browser

check: $(READY) ## Format, lint, types, imports, definitions, tests. CI runs it, then make year.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@mkdir -p $(DAGSTER_HOME) && cp dagster.yaml $(DAGSTER_HOME)/dagster.yaml
	@# One folder at a time: given several, dg 1.13 checks the last YAML of each component type alone.
	set -e; for folder in stocker_pipeline/defs/portfolios/*/; do $(BIN)/dg check yaml $$folder; done
	$(BIN)/dg check defs
	$(BIN)/dagster definitions validate -w workspace.yaml
	$(BIN)/python -m pytest -q -n auto

format: $(VENV)/.dev ## Format and fix what can be fixed.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

ui: $(VENV)/.compiled ## The Dagster UI and daemon on http://127.0.0.1:3000 (stop with Ctrl-C).
	@mkdir -p $(DAGSTER_HOME) && cp dagster.yaml $(DAGSTER_HOME)/dagster.yaml
	$(BIN)/dagster dev -w workspace.yaml --host 127.0.0.1 --port $${STOCKER_UI_PORT:-3000}

bench: bench-engine bench-backfill bench-session ## All benchmarks (long; not in CI).

bench-engine: $(READY) ## The engine against vectorbt, bt, backtrader and zipline-reloaded.
	$(BIN)/python -m benchmarks.engine

bench-backfill: $(READY) ## A backtest through Dagster: event storages, time and memory.
	$(BIN)/python -m benchmarks.backfill

bench-session: $(READY) ## One live session, from bars to orders in the ledger, on both databases.
	$(BIN)/python -m benchmarks.session

lock: ## Resolve requirements.lock anew for every supported Python.
	uv pip compile --universal --python-version 3.11 --extra dev --no-header --no-annotate pyproject.toml -o requirements.lock

clean: ## Remove everything that was made: environment, state, caches.
	rm -rf $(VENV) $(STOCKER_HOME) dbt_project/target dbt_project/logs .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
