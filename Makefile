# `make serve` and `make test` set themselves up; everything else is a part of them.
# The first Python that runs and is of a supported version; a name on the PATH may be an empty shim.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(SUPPORTED)' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := tests/published_clients
TYPESCRIPT := clients/typescript
PG ?= 18
HOST ?= 127.0.0.1
PORT ?= 8000
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: serve test setup setup-dev setup-clients check format lint types arrows unit unit-oldest client-pythons bench soak lock clean

serve: setup  ## run the server, with PostgreSQL and the embedding model inside
	$(BIN)/recollect serve --host $(HOST) --port $(PORT)

test: check unit unit-oldest  ## all checks, then all tests

setup: $(VENV)/.serve  ## what `make serve` and `make test` share

setup-dev: $(VENV)/.dev

$(VENV)/bin/pip:
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' \
		|| { echo "Recollect needs Python 3.11, 3.12 or 3.13. Name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: requirements.lock pyproject.toml | $(VENV)/bin/pip
	@echo "Installing into $(VENV), which takes a minute or two and 500 MB. Only once."
	$(BIN)/pip install --quiet --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.serve
	$(BIN)/pip install --quiet --no-deps -r requirements-dev.lock
	@touch $@

setup-clients: $(VENV)/.published-python $(VENV)/.published-javascript $(VENV)/.typescript  ## theirs, and our TypeScript

# Their own environments: they pin versions that ours cannot live with.
$(VENV)/.published-python: $(CLIENTS)/python/requirements.lock | $(VENV)/bin/pip
	$(BIN)/python -m venv --clear $(VENV)-published
	$(VENV)-published/bin/pip install --quiet --no-deps -r $<
	@touch $@

$(VENV)/.published-javascript: $(CLIENTS)/javascript/package-lock.json | $(VENV)/bin/pip
	@command -v npm >/dev/null || { echo "The tests of the JavaScript client need Node 20 with npm."; exit 1; }
	cd $(CLIENTS)/javascript && npm ci --silent --no-audit --no-fund
	@touch $@

$(VENV)/.typescript-tools: $(TYPESCRIPT)/package-lock.json | $(VENV)/bin/pip
	@command -v npm >/dev/null || { echo "The TypeScript client needs Node 20 with npm."; exit 1; }
	cd $(TYPESCRIPT) && npm ci --silent --no-audit --no-fund
	@touch $@

$(VENV)/.typescript: $(VENV)/.typescript-tools $(wildcard $(TYPESCRIPT)/src/*.ts) $(TYPESCRIPT)/tools/build.mjs $(TYPESCRIPT)/tsconfig.json
	cd $(TYPESCRIPT) && npm run --silent build
	@touch $@

check: lint types arrows  ## what needs no database

format: setup-dev  ## mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup-dev
	$(BIN)/mypy

arrows: setup-dev
	$(BIN)/lint-imports

unit: setup-dev setup-clients
	RECOLLECT_TEST_PG=$(PG) $(BIN)/pytest --numprocesses 3 --dist worksteal

unit-oldest: setup-dev  ## what meets PostgreSQL, on the oldest one supported
	RECOLLECT_TEST_PG=16 $(BIN)/pytest tests/store tests/embedded

client-pythons: setup-dev  ## the client alone, on each supported Python of this machine
	$(BIN)/python tools/client_pythons.py

$(VENV)/.bench: requirements-bench.lock $(VENV)/.dev
	$(BIN)/pip install --quiet --no-deps -r requirements-bench.lock
	@touch $@

bench: $(VENV)/.bench  ## how fast it is here; the figures land in bench/results
	$(BIN)/python bench/load.py
	$(BIN)/python bench/bulk.py
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/growth.py

soak: setup-dev  ## what takes too long for every run
	$(BIN)/python bench/crash.py --kills 200 --victim server
	$(BIN)/python bench/crash.py --kills 200 --victim postgres
	RECOLLECT_TEST_PG=$(PG) $(BIN)/pytest -m soak

lock:  ## write the requirements*.lock anew
	$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra server --extra anthropic --group model --universal \
		--python-version 3.11 --no-header --quiet --upgrade -o requirements.lock
	echo "flit-core==3.12.0  # builds the project itself" >> requirements.lock
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra server --extra anthropic --group model --group dev --universal \
		--python-version 3.11 --no-header --quiet --upgrade -c requirements.lock -o requirements-dev.lock
	$(VENV)-lock/bin/uv pip compile pyproject.toml --group bench --universal \
		--python-version 3.11 --no-header --quiet --upgrade -c requirements-dev.lock -o requirements-bench.lock
	$(VENV)-lock/bin/uv pip compile $(CLIENTS)/python/requirements.in --universal \
		--python-version 3.11 --no-header --quiet --upgrade -o $(CLIENTS)/python/requirements.lock
	cd $(CLIENTS)/javascript && npm update --package-lock-only --omit-lockfile-registry-resolved
	cd $(TYPESCRIPT) && npm update --package-lock-only --omit-lockfile-registry-resolved

clean:
	rm -rf $(VENV) $(VENV)-* $(CLIENTS)/javascript/node_modules $(TYPESCRIPT)/node_modules $(TYPESCRIPT)/dist
