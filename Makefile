# `make demo` and `make test` set up what they need; `make help` lists the rest.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
EXTRAS := cli,sandbox,test
DATA ?=
ROUNDS ?= 2
POINTS ?= 0
WORKERS ?= $(shell $(PY) -c 'import os; print(os.cpu_count() or 1)')

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format start soak bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

setup: $(VENV)/.ready node_modules/.ready ## virtual environment and npm tools

$(VENV)/.ready: pyproject.toml tools/python.sh
	@python=$$(tools/python.sh) && test -n "$$python" && "$$python" -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

node_modules/.ready: package.json package-lock.json
	@npm ci --silent --no-audit --no-fund
	@touch $@

demo: $(VENV)/.ready ## a whole company, synchronised both ways and checked; DATA=DIR takes the company from CSV files
	@$(PY) -m demo $(if $(DATA),--data '$(DATA)')

test: setup ## all tests
	@$(PY) -m pytest -n auto --dist loadfile

lint: $(VENV)/.ready ## ruff, mypy strict, the import rule
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

format: $(VENV)/.ready ## put the code in shape
	@$(VENV)/bin/ruff check --fix-only .
	@$(VENV)/bin/ruff format .

start: $(VENV)/.ready ## the function app on this machine: Core Tools if they are there, else the local host
	@tools/start.sh

soak: $(VENV)/.ready ## an order of 1 100 lines; break the network and kill the process, at length (ROUNDS, POINTS, WORKERS)
	@$(PY) -m demo --company contoso-large
	@$(PY) -m harness weather --rounds $(ROUNDS) --workers $(WORKERS)
	@$(PY) -m harness crash --points $(POINTS) --workers $(WORKERS)

bench: $(VENV)/.ready ## requests and seconds per 1 000 documents, beside a plain one-row-at-a-time client
	@$(PY) -m benchmarks.templates

clean: ## remove what setup and runs made
	@rm -rf $(VENV) node_modules build .p2c *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
