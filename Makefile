# Everything here runs as an ordinary user on a machine with Python 3.11 and the package
# registries; `system-deps` alone wants root, and only for what no wheel or npm package ships.

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.made
PORT   ?= 8000
# Of the tests: many of them wait for processes and networks, so more than there are cores.
WORKERS ?= 4

# Debian's names of what the tests need and cannot install for themselves.
# Nothing so far: the browser of the tests is an npm package that brings its shared libraries.
SYSTEM_PACKAGES :=

# Tests start hundreds of processes, and benchmarks time them: what they import is compiled once.
unexport PYTHONDONTWRITEBYTECODE

INITIALIZE := {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}

.PHONY: venv prepared serve test test-long soak fuzz coverage check format bench bench-quick \
  bench-docs clean system-deps

venv: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

serve: venv
	@echo "serving at http://localhost:$(PORT)/mcp - try it from another terminal:"
	@echo '  curl -s http://localhost:$(PORT)/mcp -H "Content-Type: application/json" -d '"'"'$(INITIALIZE)'"'"''
	@$(BIN)/fastmcp run examples/quickstart.py --transport http --port $(PORT)

# Into .cache, once: npm packages and the environments of outsiders. Before the tests, whose
# time-outs are for what they test.
prepared: venv
	@$(BIN)/python -m tests.support.prepare

# Unit tests, the official conformance suite, outsiders' clients and servers, the guide's listings.
# A module stays at one worker, which so starts the servers that its tests share only once.
TESTS := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: prepared
	$(TESTS) $(PYTEST)

# Endurance, chaos and the generators' examples at their whole length.
test-long: prepared
	TEST_LONG=1 $(TESTS) -m long $(PYTEST)

# Mixed load for a quarter of an hour, and nothing that grows. SOAK_SECONDS=300 takes five minutes;
# `SOAK="--clients 16"` sets more.
soak: prepared
	$(BIN)/python -m tests.soak $(SOAK)

# What reads bytes of strangers, guided by which lines are reached; atheris has wheels for Linux.
# `make fuzz FUZZ="--reader 'key set'"` runs one reader alone.
FUZZ_SECONDS ?= 600

fuzz: venv
	$(BIN)/python -m pip install --quiet --group fuzz
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(FUZZ)

# Apart from `test`, because tracing more than doubles what the tests cost that run in one process.
coverage: prepared
	@rm -f .coverage .coverage.*
	$(TESTS) --cov --cov-report=term:skip-covered $(PYTEST)

# Without its cache: the order of imports depends on which modules exist, which the cache forgets.
check: venv
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# One run, interleaved, of this package, FastMCP 4, the official SDKs and a bare echo: some
# twenty minutes. `BENCH="--only ours"` leaves out the peers, `BENCH="--workload progress"` the rest.
bench: venv
	$(BIN)/python -m benchmarks $(BENCH)

# The main rows of it, against FastMCP 4 and the echo alone: under two minutes on two cores.
bench-quick: venv
	$(BIN)/python -m benchmarks --quick $(BENCH)

# docs/benchmarks.md, of the figures of the last run.
bench-docs: venv
	$(BIN)/python -m benchmarks --write-docs

system-deps:
	@missing=""; \
	for package in $(SYSTEM_PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then echo "system-deps: nothing to install"; \
	elif [ "$$(id -u)" != 0 ]; then echo "system-deps: as root: apt-get install -y$$missing"; \
	else apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; fi

clean:
	rm -rf $(VENV) .cache .coverage .coverage.* .pytest_cache .ruff_cache .hypothesis \
	  build dist benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
