# Everything a checkout needs, from python3 and make alone: `make run`, `make test`.
PYTHON ?= python3
TARGET ?= reference
WORLDS ?= 2
CONTAINERS ?= test
# Many tests wait, for load or for a server that does not answer, so there are more workers than processors.
WORKERS ?= $(shell expr 2 '*' `getconf _NPROCESSORS_ONLN`)
SHARE  ?= 400
REAL   ?= nginx nginx-transparent haproxy caddy envoy envoy-mcp-router npm-mcp-proxy fastmcp fastmcp-hardened mcp-policy-gateway mcp-audit-gateway litellm contextforge authmcp-gateway
UV     := 0.13.9
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DOCS   := .venv-docs

# A run starts many processes of Python. Where this is set, as in container images, each of them would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run run-lean official guide-clients sdk-clients test unit coverage trial kill-matrix kill-matrix-share real real-quick transcripts bench dist package-test images containers lint types lock docs docs-reference lock-docs clean help

help:   ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "%-18s %s\n", $$1, $$2 }'

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

run: $(READY)   ## test TARGET (default: the embedded reference gateway), in WORLDS parallel worlds
	$(BIN)/gatebench run $(TARGET) -n $(WORLDS)

run-lean: $(READY)   ## the same with the mock servers of load tests, which have to behave alike; ONLY: an expression for -k
	$(BIN)/gatebench run $(TARGET) --world lean -n $(WORLDS) $(if $(ONLY),-k "$(ONLY)")

test: $(READY)   ## lint, types, and all tests but those marked slow or real; of the long ones a share (ALL=1: all)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@+$(MAKE) --no-print-directory -j2 types unit

# Beside each other: mypy and lint-imports are one process each, and many tests wait.
types: $(READY)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: $(READY)
	GATEBENCH_TRIAL=$(if $(ALL),all,share) $(BIN)/pytest -n $(WORKERS) --dist worksteal -q -m "not real and not slow"

coverage: $(READY)   ## which lines the unit tests run, child processes included, by module and by package; TESTS: only these
	rm -rf .coverage-data
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal -q -m "not real and not slow" $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --sort cover
	$(BIN)/coverage json --quiet -o .coverage-data/report.json
	$(BIN)/python tests/support/source/coverage_by_package.py .coverage-data/report.json

trial: $(READY)   ## tests marked slow: gatebench with null and hostile gateways; a share chosen by the commit id (ALL=1: all); FAULTS=40: 40 faults too
	GATEBENCH_TRIAL=$(if $(ALL),all) GATEBENCH_TRIAL_FAULTS=$(FAULTS) $(BIN)/pytest -n $(WORKERS) --dist worksteal -q -m slow --timeout 900 \
	  $$(grep -rl 'mark\.slow' --include='test_*.py' gatebench/conformance/selftest) tests/slow/test_hostile_gateways.py

kill-matrix: $(READY)   ## run selected scenarios against every fault, and write the kill matrix; FULL=1: whole runs, which are what counts
	$(BIN)/python -m gatebench.conformance.selftest.kill_matrix $(if $(FULL),--full) $(FAULTS)

kill-matrix-share: $(READY)   ## two whole runs for SHARE faults: new and changed ones first, the others chosen by the commit id (CI)
	$(BIN)/python -m gatebench.conformance.selftest.kill_matrix --share $(SHARE)

bench: $(READY)   ## benchmarks of gatebench itself, as ratios of one run; writes load/BENCHMARKS.md
	$(BIN)/python -m gatebench.load.benchmarks $(PARTS)

readme-test: $(READY)   ## run the slow commands of README.md and docs/; `make test` runs the quick ones
	GATEBENCH_README=slow $(BIN)/pytest -q -n auto --timeout 900 tests/docs

official: $(READY)   ## run the official MCP suite directly and through TARGET
	$(BIN)/gatebench official $(TARGET)

dist: $(READY)   ## build wheel and sdist into dist/, and check their metadata
	rm -rf dist
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist
	$(BIN)/uvx --quiet twine==7.0.0 check --strict dist/*

package-test: dist   ## install the wheel outside of this checkout, and use it there
	$(BIN)/python tests/packaging/check.py dist

images: $(READY)   ## build the container images, on PYTHON_IMAGE if it is set
	$(BIN)/gatebench images build

containers: images   ## the tests of containers: the reference gateway in one, compose, images, and what runs leave behind
	GATEBENCH_CONTAINERS=1 $(BIN)/pytest tests/slow/containers -q --timeout 1200 -k "$(CONTAINERS)"

real-quick: $(READY)   ## tests marked real: test nginx and fastmcp, and compare with what is published (CI)
	$(BIN)/pytest -q -m real --timeout 900 tests/slow/real_gateways

real: $(READY)   ## install all real gateways that can be installed, and test those without a result; REAL: only these; FRESH=1: all again
	@$(BIN)/python tests/slow/real_gateways/judge_all.py $(if $(FRESH),--fresh) $(WORLDS) $(REAL)

guide-clients: $(READY)   ## the client code of the guide with fastmcp 2, 3 and 4, each in its own environment, against the reference gateway
	$(BIN)/python tests/slow/guide_clients/run.py

sdk-clients: $(READY)   ## the clients of the MCP SDKs (Python and TypeScript, 1.x and 2.x) and the Inspector, against TARGET
	$(BIN)/python -m tests.slow.sdk_clients.run $(TARGET)

transcripts: $(READY)   ## write the conforming and the violating example transcript of each check again
	$(BIN)/python -m gatebench.conformance.selftest.support.example_transcripts

lint: $(READY)   ## style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@+$(MAKE) --no-print-directory types

# A lock with the same releases as requirements.lock, for fewer packages.
PART_OF_LOCK = sed -E 's/ *\\?$$//; /^[^a-z]/d; s/ ;.*//' requirements.lock | $(BIN)/uv pip compile --constraint - --universal \
  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet

lock: $(READY)   ## resolve requirements.lock again (hashes, no index addresses)
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade --output-file requirements.lock
	$(PART_OF_LOCK) pyproject.toml --group build --output-file requirements-core.lock
	$(PART_OF_LOCK) mock_upstreams/requirements.in --output-file mock_upstreams/requirements.lock

docs-reference: $(READY)   ## write the pages that are generated from the code into docs/reference (not committed)
	$(BIN)/python -m gatebench.documentation docs/reference

docs: docs-reference $(DOCS)/.ready   ## build the documentation site into site/; a broken link is an error
	$(DOCS)/bin/mkdocs build --quiet --strict --clean
	@echo "the site: site/index.html"

# mkdocs has an environment of its own: nothing of it is needed to run or test gatebench.
$(DOCS)/.ready: requirements-docs.lock $(READY)
	$(PYTHON) -m venv --clear --without-pip $(DOCS)
	$(BIN)/uv pip install --quiet --python $(DOCS)/bin/python --require-hashes -r requirements-docs.lock
	@touch $@

lock-docs: $(READY)   ## resolve requirements-docs.lock again (hashes, no index addresses)
	$(BIN)/uv pip compile requirements-docs.in --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade --output-file requirements-docs.lock

clean:   ## remove the environments, and the files of runs and builds
	rm -rf $(VENV) $(DOCS) site docs/reference gatebench-out .gatebench-cache dist .import_linter_cache .mypy_cache .ruff_cache .pytest_cache .coverage-data
