# The commands of rxphoenix. Each does the set-up that it needs; `make test` on a fresh clone is enough.
#
#   make test      lint, types, and all tests with coverage
#   make check     lint and types only
#   make demo      a tour of the library over a real socket, about 20 seconds
#   make dashboard the dashboard of a demo server, at the address that it prints
#   make format    rewrite the code in the project's format
#   make bench     measure how fast it is beside other clients, some minutes, and write docs/performance.md
#   make fuzz      let a coverage-guided fuzzer look for bytes that break a promise, for a minute a target
#   make soak      live long, and leave nothing behind: some minutes
#   make audit     ask whether something is known against what rxphoenix installs
#   make figures   renew the figures in docstrings and pages from marbles/
#   make notebooks run the notebooks and keep their outputs
#   make docs      build the documentation into build/site, notebooks executed; a warning fails it
#   make clean     remove the environment and everything generated
#
# PYTHON says which Python to use, VENV which environment (for example VENV="$$VIRTUAL_ENV" for the active one), WORKERS
# how many processes run the tests (0 for this one alone, as a debugger needs it),
# ARGS what to hand to pytest (for example ARGS="-k join -x"), to the benchmarks (ARGS="receive --rounds 3"), to the fuzzer
# (ARGS="--seconds 600 client") or to the soak (ARGS="--seconds 1800").

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

# Tests wait for a server or a process half of the time, so one more than there are cores keeps the cores busy.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

BIN := $(VENV)/bin
STAMP := $(VENV)/.rxphoenix-installed
DOCS_STAMP := $(VENV)/.rxphoenix-docs-installed

.DEFAULT_GOAL := help
.PHONY: help install check lint types test demo dashboard bench audit fuzz soak format figures docs notebooks clean

help:
	@sed -n 's/^#   //p' Makefile

install: $(STAMP)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "rxphoenix needs Python 3.11 or newer, and there is no '$(PYTHON)'. On Debian: apt-get install python3 python3-venv" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "rxphoenix needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another one: make PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)

# Installed once, and again whenever the dependencies may have changed.
$(STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

check: lint types

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/pyright --pythonpath $(BIN)/python
	@if [ -d tests/usage ]; then set -x; $(BIN)/mypy; fi

# Last, so that pytest's closing line ends the output.
test: check
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --cov --cov-report=term $(ARGS)

demo: $(STAMP)
	@$(BIN)/python -m rxphoenix demo

# --port of the command: make dashboard ARGS="--port 8080"
dashboard: $(STAMP)
	@$(BIN)/rxphoenix dashboard $(ARGS)

fuzz: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,fuzz]'
	@$(BIN)/python -m tests.fuzz $(ARGS)

soak: $(STAMP)
	@$(BIN)/python -m tests.soak $(ARGS)

audit: $(STAMP)
	@$(BIN)/python -m tests.house.audit

format: $(STAMP)
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: $(STAMP)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

figures: $(STAMP)
	@$(BIN)/python -m tests.house.figures

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,docs]'
	@touch $@

docs: $(DOCS_STAMP)
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --builder html docs build/site
	@echo "built build/site/index.html"

notebooks: $(DOCS_STAMP)
	$(BIN)/python -m tests.house.notebooks

# An environment that was named with VENV= is somebody else's and stays.
clean:
	rm -rf .venv build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
