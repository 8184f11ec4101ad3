# `make run` and `make test` need Python 3.11 or newer, git and make; a C compiler only where a package has no wheel.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run test check interop bench docs image clean

run: $(VENV)/.run
	@exec $(BIN)/modemsim run bc260y $(ARGS)

test: $(VENV)/.dev check
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

# Peers that nobody here wrote; what is not installed is skipped with a line that says so.
interop: $(VENV)/.dev
	$(BIN)/python -m pytest -rs tests/interop --interop-report docs/interop.md $(ARGS)

bench: $(VENV)/.dev
	$(BIN)/python tests/bench/run.py $(ARGS)

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py

image:
	docker build -t modemsim .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "modemsim needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.run
