# One set of commands for people and for CI. Everything happens in a virtual environment that make builds by itself:
#   make demo                              the main job on real data: three methods, one comparison, one report
#   make test                              the quick tier of the tests
#   make test PYTHON=python3.13            the same with another interpreter, in an environment of its own

PYTHON ?= python3
VENV ?= .venv$(patsubst python%,-%,$(filter-out python3,$(notdir $(PYTHON))))
JOBS ?= 2
TESTS ?= tests
DURATIONS := --durations=10 --durations-min=3
BIN := $(VENV)/bin

export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Test processes and chains share the cores: one BLAS thread each.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help demo test test-slow lint format types docs examples bench build clean
.DELETE_ON_ERROR:

help:
	@echo "make demo | test | test-slow | lint | format | types | docs | examples | bench | build | clean"

# A stamp for each set of extras; a change of pyproject.toml installs again.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Libraries are byte-compiled on all cores and without their own tests, half a minute faster than pip does it.
define install
@echo "Installing problogit$(1) into $(VENV)"
@$(BIN)/python -m pip install --quiet --no-compile --editable ".$(1)"
@$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
@touch $@
endef

$(VENV)/installed-core: pyproject.toml | $(BIN)/python
	$(call install,)

$(VENV)/installed-%: pyproject.toml | $(BIN)/python
	$(call install,[$*])

demo: $(VENV)/installed-core
	$(BIN)/problogit demo

test: $(VENV)/installed-test
	$(ONE_THREAD) $(BIN)/python -m pytest $(TESTS) -m "not slow" -n $(JOBS) $(DURATIONS)

test-slow: $(VENV)/installed-test
	$(ONE_THREAD) $(BIN)/python -m pytest $(TESTS) -m slow -n $(JOBS) $(DURATIONS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/installed-dev
	$(BIN)/mypy

# Built strict (every warning is an error); then every Python block of the pages and of README.md runs, and every doctest.
docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(ONE_THREAD) $(BIN)/python -m pytest docs README.md problogit

examples: $(VENV)/installed-test
	@mkdir -p examples/output
	@set -e; bin=$$(cd $(BIN) && pwd); cd examples/output; for script in ../*.py; do \
	    echo "== $${script#../}"; MPLBACKEND=Agg "$$bin/python" "$$script"; \
	done

bench: $(VENV)/installed-bench
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

build: $(VENV)/installed-dev
	$(BIN)/python -m build

clean:
	rm -rf .venv* build dist docs/_build docs/reference/generated examples/output benchmarks/output
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
