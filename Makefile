# What people who work on Deputy, or try it, type. CI types the same.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help venv check format test unit cluster cluster-down images crds lock demo demo-down bench

# The first one that is new enough: some systems have a newer one beside their own.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$each"; exit; }; \
	done; echo python3)
BIN := .venv/bin
export PYTHONPATH := operator:sidecar:simulator:.
export PYTHONDONTWRITEBYTECODE := 1

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/.ready: requirements.lock
	@$(PYTHON) dev/check.py --python
	@echo "==> the virtual environment, from requirements.lock (usually half a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

venv: .venv/.ready ## make the virtual environment

check: venv ## format, lint, types, dead code, import contracts, generated files (seconds)
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && echo "format and lint: ok"
	@$(BIN)/mypy operator/deputy sidecar/deputy_sidecar simulator/deputy_simulator dev tests
	@$(BIN)/vulture && echo "dead code: none"
	@$(BIN)/lint-imports --no-cache | tail -n 3
	@$(BIN)/pytest -q tests/api/test_crds.py

format: venv ## format the code
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

test: check ## everything: static, unit, schema, chart, cluster
	@$(PYTHON) -m dev.prepare
	@$(BIN)/python -m dev.testtools
	@$(BIN)/pytest

unit: venv ## the tests that need no cluster
	@$(BIN)/python -m dev.testtools
	@$(BIN)/pytest -m "not cluster"

# The next ones need no virtual environment: the standard library does.
cluster: ## start a real cluster and keep it (the second start takes seconds)
	@$(PYTHON) -m dev.cluster up

cluster-down: ## end exactly what `make cluster` started
	@$(PYTHON) -m dev.cluster down

images: ## build the images and load them into the cluster
	@$(PYTHON) -m dev.images load

crds: venv ## write the CustomResourceDefinitions from the models
	@$(BIN)/python -m deputy crds crds charts/deputy/crds

lock: ## refresh requirements.lock
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	@.venv-lock/bin/uv pip compile --quiet --universal --all-extras --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml -o requirements.lock
	@rm -rf .venv-lock

demo: ## delegate an issue to a real agent and watch it, without any account
	@$(PYTHON) dev/check.py
	@$(PYTHON) -m dev.prepare demo
	@$(PYTHON) -m dev.demo up

demo-down: ## remove what `make demo` left running
	@$(PYTHON) -m dev.demo down

bench: venv ## measure, beside a bare client on the same API server
	@$(PYTHON) -m dev.prepare
	@$(BIN)/python -m dev.bench
