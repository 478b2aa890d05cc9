# Everything a checkout needs, from python3 and make alone: `make run`, `make test`.
PYTHON ?= python3
TARGET ?= reference
WORLDS ?= 2
UV     := 0.13.9
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test trial kill-matrix bench package-test lint types lock clean help

help:   ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

# uv fetches, links and compiles in seconds what pip takes a minute for; its index settings are whatever pip's are.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "gatebench needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY)   ## judge TARGET (default: the embedded reference gateway), in WORLDS worlds side by side
	$(BIN)/gatebench run $(TARGET) -n $(WORLDS)

test: $(READY)   ## unit tests of the machinery, the harness on trial, lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto -q

trial: $(READY)   ## the whole harness on trial: every fault of the kill matrix, played again
	$(BIN)/pytest -n auto -q conformance/selftest/trial_*.py

kill-matrix: $(READY)   ## play every fault and write the kill matrix; FULL=1 plays every scenario, and only compares
	$(BIN)/python -m conformance.selftest.kill_matrix $(if $(FULL),--full) $(FAULTS)

bench: $(READY)   ## measure the bench itself, as ratios in one run; writes load/BENCHMARKS.md
	$(BIN)/python -m load.benchmarks $(PARTS)

package-test: $(READY)   ## build wheel and sdist, install the wheel apart from this checkout, and use it there
	rm -rf dist
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist
	$(BIN)/python tests/packaging/check.py dist

lint: $(READY)   ## style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: $(READY)   ## resolve requirements.lock again (hashes, no index addresses)
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade --output-file requirements.lock

clean:   ## remove the environment and what runs left behind
	rm -rf $(VENV) gatebench-out dist .mypy_cache .ruff_cache .pytest_cache
