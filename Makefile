# Every target works alone on a new machine with make and Python 3.11 or later: it makes .venv and
# installs what it needs, with the versions and hashes of locks/. PYTHON chooses the interpreter.

PYTHON ?= python3
VENV ?= .venv
RUNS ?= 100000
# Tests wait for clocks and processes more than they compute: one more worker than there are cores.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST_FLAGS ?= -n $(WORKERS) --dist worksteal

BIN := $(VENV)/bin
PY := $(BIN)/python
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
INSTALL := $(UV) pip install --quiet --python $(PY)
else
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check
endif
# pyreadline has no wheels; kuksa-client would want it on Windows, where it is not installed.
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --only-binary :all: \
  --no-binary pyreadline --generate-hashes --no-header

KERNELS := $(wildcard src/commonwheel/native/*.c src/commonwheel/native/*.h)

.PHONY: demo test test-all coverage coverage-guard mutate lint lint-style lint-format lint-types lint-c format bench docs wheels lock \
  sanitize fuzz kernels clean

demo: $(VENV)/.run ## three virtual cars, five apps, the dashboard: needs nothing but this checkout
	$(BIN)/commonwheel demo

test: $(VENV)/.dev kernels ## all tests but the slow ones
	$(PY) -m pytest -m "not slow" $(PYTEST_FLAGS)

test-all: $(VENV)/.dev kernels ## all tests, and properties with more examples
	COMMONWHEEL_EXAMPLES=150 $(PY) -m pytest $(PYTEST_FLAGS)

coverage: $(VENV)/.dev kernels ## all tests but the slow ones, and what they reach
	$(PY) -m pytest -m "not slow" $(PYTEST_FLAGS) --cov --cov-report=term

coverage-guard: $(VENV)/.dev kernels ## the guard's own tests reach every branch of it, or this fails
	COVERAGE_FILE=.coverage.guard $(PY) -m coverage run --branch --source=src/commonwheel/guard --rcfile=/dev/null \
	  -m pytest -q -n0 -m "not slow" tests/guard --ignore=tests/guard/oracle --ignore-glob='*requirements*' \
	  --ignore-glob='*all_cars*'
	$(PY) -m coverage report --rcfile=/dev/null --data-file=.coverage.guard --show-missing --fail-under=100 \
	  --skip-covered

mutate: $(VENV)/.dev kernels ## change the guard in one small way after the other: its tests have to notice
	$(PY) -m tools.mutate $(MUTATE_FLAGS)
	$(PY) -m tools.mutate_tables

lint: lint-style lint-format lint-types lint-c ## style, types, and the C compiler's warnings

lint-style: $(VENV)/.dev
	$(BIN)/ruff check .

lint-format: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint-types: $(VENV)/.dev
	$(BIN)/pyright --pythonpath $(PY)

lint-c: $(VENV)/.dev
	$(PY) src/commonwheel/native/build.py --strict --out build/strict

format: $(VENV)/.dev ## lay the code out
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.dev kernels ## measure; BENCH_FLAGS=--quick for a short look
	$(PY) -m bench.run $(BENCH_FLAGS)

docs: $(VENV)/.dev kernels ## run every command of README.md and docs/
	$(PY) -m tools.docs

wheels: $(VENV)/.dev ## wheels for every platform and the sdist into dist/, the local wheel tested
	$(PY) -m tools.wheels

sanitize: $(VENV)/.dev ## the kernels' tests under the address and undefined-behaviour sanitizers
	$(PY) -m tools.kernel_checks sanitize

fuzz: $(VENV)/.dev ## RUNS inputs through each fuzz target; needs clang
	$(PY) -m tools.kernel_checks fuzz --runs $(RUNS)

lock: $(VENV)/.dev ## newest versions that fit pyproject.toml, with hashes
	$(COMPILE) --all-extras --group dev --output-file locks/dev.txt pyproject.toml
	$(COMPILE) --constraint locks/dev.txt --output-file locks/run.txt pyproject.toml

kernels: $(VENV)/.kernels

clean: ## remove what was built, not the environment
	rm -rf build dist out htmlcov .coverage .coverage.* .pytest_cache .ruff_cache .hypothesis $(VENV)/.kernels
	rm -f src/commonwheel/native/*.so src/commonwheel/native/*.dylib src/commonwheel/native/*.dll
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

# What a user gets: the base dependencies only.
$(VENV)/.run: locks/run.txt pyproject.toml $(KERNELS) | $(PY)
	$(INSTALL) --require-hashes --requirement locks/run.txt
	$(INSTALL) --no-deps --editable .
	touch $@ $(VENV)/.kernels

# Everything: all extras, the tests' and the checks' tools.
$(VENV)/.dev: locks/dev.txt pyproject.toml | $(PY)
	$(INSTALL) --require-hashes --requirement locks/dev.txt
	$(INSTALL) --no-deps --editable .
	touch $@ $(VENV)/.run $(VENV)/.kernels

$(VENV)/.kernels: $(KERNELS) | $(VENV)/.dev
	$(PY) src/commonwheel/native/build.py
	touch $@
