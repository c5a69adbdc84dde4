.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help demo test lint format bench screenshots lock image image-test clean

help: ## say what there is to do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'
	@echo
	@echo "ARGS goes to the program behind demo, test, bench and lock: make demo ARGS='--port 9000 --duration 1m'"

demo: $(VENV)/.runtime ## watch a simulated day of workflows, no configuration needed
	$(BIN)/workflow-monitor demo $(ARGS)

test: $(VENV)/.dev ## run every test
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff write what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure what the documents promise; prints figures
	$(BIN)/python -m tests.bench $(ARGS)

screenshots: $(VENV)/.dev ## take the README's pictures of the demo's pages
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

lock: $(VENV)/.dev ## write what the image installs, by hashes; ARGS=--upgrade for newer versions
	PYTHON=$(BIN)/python deploy/container/lock $(ARGS)

image: ## build the container image with docker, podman or (as root, on Debian) buildah
	if ! docker info >/dev/null 2>&1 && ! podman info >/dev/null 2>&1; then .ci/packages buildah debootstrap; fi
	deploy/container/image

image-test: ## run the image's demo, its health check and SIGTERM; print its size and start-up time
	deploy/container/image-test

clean: ## remove what the others made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/.runtime: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "workflow-monitor needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PIP) install --editable '.[dev]'
	@touch $@
