# `make demo` shows the product, `make test` runs the checks and all tests, `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# for every platform and Python; without the addresses of registries, which differ
LOCK   := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
          --override requirements/overrides.txt --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
# tests start many short processes: each would compile the package again
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo browser test test-all check format bench bench-all clean generated lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml requirements/development.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "watcher needs Python 3.11 or later: run make with PYTHON=/path/to/python3.11"; exit 1; }
	@echo "installing watcher into $(VENV), the first time only"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/development.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## start an OpenSearch, index sample events, run the rules, show the alerts, a mail and a Slack message
	@$(BIN)/watcher demo $(if $(KEEP),--keep)

check: $(STAMP) ## check formatting, lint, types and the import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

generated: $(STAMP) ## write the generated parts of docs/ and deploy/
	$(BIN)/python -m watcher.settings.generated_files .
	$(BIN)/python -m watcher.cli.reference_page docs/cli.md

lock: ## resolve the dependencies again and write requirements/; UPGRADE=1 takes the newest versions (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	@$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	@$(LOCK) pyproject.toml --extra local --extra evtx --group dev --output-file requirements/development.txt
	@$(LOCK) requirements/build.in --output-file requirements/build.txt

browser: ## install Chromium from Debian's packages; without it the tests of the catalogue's pages are skipped
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "Chromium is absent and was not installed: the tests of the catalogue's pages are skipped"

test: check browser ## run the checks and the tests, on a real OpenSearch and Elasticsearch
	$(BIN)/pytest -n 2 --dist worksteal --durations=15 -m "not slow"

test-all: check browser ## run the checks and all tests, slow ones included, and an hour of random inputs
	WATCHER_FUZZ_SECONDS=$${WATCHER_FUZZ_SECONDS:-360} $(BIN)/pytest

format: $(STAMP) ## format the code and apply the fixes of ruff
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

bench: $(STAMP) ## run the benchmarks
	$(BIN)/python -m bench live
	$(BIN)/python -m bench match
	$(BIN)/python -m bench correlations
	$(BIN)/python -m bench

bench-all: $(STAMP) ## run the benchmarks with every combination of sizes
	$(BIN)/python -m bench --all

clean: ## remove the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
