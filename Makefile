# Everything is here: `make` prints this list.
.DEFAULT_GOAL := help
VENV ?= .venv
PYTHON ?= python3
RUN := $(VENV)/bin/
VENDOR := src/forebay/web/vendor
AS_ROOT := $$([ "$$(id -u)" = 0 ] || echo sudo)
ARGS ?=
# Tests mostly wait for brokers. Each of these processes has servers of its own.
AT_ONCE ?= 3

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/.ready: pyproject.toml requirements.lock | $(VENDOR)/node_modules/.ready
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh -c '$(AS_ROOT) apt-get install -y -q python3-venv'
	$(PYTHON) -m venv $(VENV)
	$(RUN)pip install -q --disable-pip-version-check -r requirements.lock
	$(RUN)pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENDOR)/node_modules/.ready: $(VENDOR)/package-lock.json
	@command -v npm >/dev/null || sh -c '$(AS_ROOT) apt-get install -y -q --no-install-recommends npm' || { echo "npm is needed, which comes with Node.js: it fetches what reports are drawn with"; exit 1; }
	npm ci --prefix $(VENDOR) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

setup: $(VENDOR)/node_modules/.ready $(VENV)/.ready ## make the virtual environment, with all that development needs

demo: setup ## the whole story in one process: a wave, a queue, a pool, a verdict (ARGS='--for 10s')
	@$(RUN)forebay demo $(ARGS)

servers: setup ## install the servers that the tests use (Kafka, PostgreSQL, ...), those that are missing
	@$(RUN)python -m forebay.lab.servers install

test: setup servers ## the whole suite, with real servers (AT_ONCE=1: one file of tests after the other)
	$(RUN)python -m pytest -n $(AT_ONCE) --dist loadfile $(ARGS)

check: format-check lint types layers test docs ## all that a change must pass

format: setup ## format the code
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

format-check: setup
	$(RUN)ruff format --check .

lint: setup ## find mistakes that need no running
	$(RUN)ruff check .

types: setup ## mypy, strict
	$(RUN)mypy

layers: setup ## arrows point only downwards
	$(RUN)lint-imports

docs: setup ## build the documentation; its examples run with the tests
	$(RUN)sphinx-build -q -n -W -b html docs docs/_build/html

soak: setup servers ## the long fault and endurance runs
	$(RUN)python -m pytest -m soak --timeout 3600 $(ARGS)

bench: setup ## the benchmarks, us and a peer alternately
	@command -v wrk >/dev/null || sh -c '$(AS_ROOT) apt-get install -y -q wrk'
	$(RUN)uv pip install -q --python $(RUN)python --group bench
	$(RUN)python -m benchmarks $(ARGS)

lock: setup ## pin the development set anew
	$(RUN)uv pip compile -q --no-header --all-extras --group dev --group docs pyproject.toml -o requirements.lock

clean: ## remove what was made here
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache docs/_build build dist $(VENDOR)/node_modules

.PHONY: help setup demo servers test check format format-check lint types layers docs soak bench lock clean
