# 'make demo' and 'make test' do all the set-up they need; scripts/setup says what is missing where they cannot.

VENV := .venv/bin

# TensorFlow logs a dozen lines about absent GPUs at each start, between the lines that matter here.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test slow check web pages lock clean python npm chromium peers

help:  ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-8s %s\n", $$1, $$2}'

demo: python pages  ## sweep, publish and verify one small model per task
	@$(VENV)/zoo demo

# By file and in order: what a file's tests share is made once, and the longest files do not come last and alone.
test: check web chromium  ## check, then run the tests (about fifteen minutes after the set-up)
	@$(VENV)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

slow: python pages chromium peers  ## run the slow tests
	@$(VENV)/python -m pytest -q -m slow

check: python  ## lint, format and types
	@$(VENV)/ruff check --quiet .
	@$(VENV)/ruff format --check --quiet . || { echo "Some files are not formatted; '$(VENV)/ruff format .' does it." >&2; exit 1; }
	@$(VENV)/mypy --no-error-summary

web: pages  ## types and unit tests of the page's scripts
	@cd exports/web && npm run --silent check

pages: npm  ## build the pages that 'zoo serve' shows
	@scripts/setup pages

lock:  ## resolve the dependencies anew and write constraints.txt
	@scripts/setup lock

clean:  ## remove what the set-up and the tests made
	rm -rf .venv .setup exports/web/node_modules exports/web/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

python npm chromium peers:
	@scripts/setup $@
