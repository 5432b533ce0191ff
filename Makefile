# Two commands do all: `make demo` shows the product, `make test` proves it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo browser test test-all check format bench bench-all clean generated

help: ## what there is to call
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "watcher needs Python 3.11 or later: call make with PYTHON=/path/to/python3.11"; exit 1; }
	@echo "installing watcher into $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,evtx]' --group dev
	@touch $@

demo: $(STAMP) ## a real OpenSearch, real-shaped events, the rules, the alert, the mail and the Slack message
	@$(BIN)/watcher demo $(if $(KEEP),--keep)

check: $(STAMP) ## format, lint, types, import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

generated: $(STAMP) ## the generated parts of docs/ and deploy/
	$(BIN)/python -m watcher.settings.generated_files .
	$(BIN)/python -m watcher.cli.reference_page docs/cli.md

browser: ## Chromium from Debian's packages, for the tests of the catalogue's pages; they are skipped without it
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "Chromium is absent and was not installed: the tests of the catalogue's pages are skipped"

test: check browser ## check and all tests, on real engines
	$(BIN)/pytest -n 2 --dist worksteal --durations=15 -m "not slow"

test-all: check browser ## the same with the slow matrices
	$(BIN)/pytest

format: $(STAMP) ## let ruff put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

bench: $(STAMP) ## measure, side by side
	$(BIN)/python -m bench

bench-all: $(STAMP) ## measure the whole grid
	$(BIN)/python -m bench --all

clean: ## forget what was installed here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
