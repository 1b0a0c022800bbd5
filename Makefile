# Every target sets up what it needs, as root or as an ordinary user, and does no harm twice.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup run test check format openapi requirements bench attack audit clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/ready ## Make the virtual environment

$(VENV)/ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'lbs needs Python 3.11 or newer; say which with make PYTHON=...'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; \
	  else \
	    echo 'Python has no venv. Run: sudo apt-get install python3-venv'; exit 1; \
	  fi; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: setup ## Start everything and play the story; ONCE=1 exits after it
	$(BIN)/lbs run $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

test: setup ## Run the whole test suite; ARGS= goes to pytest
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: setup ## Lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: setup ## Write openapi/openapi.yaml and docs/problems
	$(BIN)/lbs openapi openapi/openapi.yaml
	$(BIN)/lbs problems docs/problems

bench: setup ## Measure; ONLY=checkin runs one part
	$(BIN)/python -m bench $(ONLY)

attack: setup ## Attack the service, see whom it costs; writes docs/attacks.md; ONLY=teleport mounts one
	$(BIN)/python -m bench.attack $(ONLY)

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

requirements: setup ## Pin the dependencies anew, with hashes; UPGRADE=--upgrade takes newer ones
	$(COMPILE) $(UPGRADE) -o requirements.txt pyproject.toml
	$(COMPILE) $(UPGRADE) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml

audit: setup ## Look the pinned dependencies up among known vulnerabilities
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.txt

clean: ## Remove the environment and the private cluster
	rm -rf $(VENV) .lbs
