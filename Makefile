# Every target makes the environment it needs. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV   ?= .venv
BIN    := $(VENV)/bin
NEWEST := .venv-newest
# The interpreter that makes .venv; empty: the first of PYTHONS, or of pyenv's, that
# works.
PYTHON ?=
PYTHONS := python3.11 python3.12 python3.13 python3 python
WORKERS ?= 2
PYTEST_ARGS ?=

# $(call find_python,CONDITION,NAMES): the first interpreter of NAMES, then of pyenv's
# versions, that runs, meets CONDITION and can make environments; else nothing.
# A name on PATH may be a stub that fails, so each one is run.
find_python = for p in $(2) $(if $(PYTHON),,"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.*/bin/python); do \
	if "$$p" -c 'import sys, venv, ensurepip; sys.exit(not ($(1)))' >/dev/null 2>&1; \
	then command -v "$$p"; break; fi; done

# Tests run on the CPU: two workers fill two cores, so each gets one thread (NPROC is
# what XLA sizes its pool by). Compiled functions are kept in .cache between workers,
# subprocesses and runs: 12 s of CPU become 3 for three small models. The time limit of
# 0 keeps the short ones too. XLA compiles in a quarter of the time (28 s of CPU, 7 s)
# without its fusion emitters and in one piece; what it compiles runs slower, so runs
# have neither flag. TEST_XLA_FLAGS= where an XLA does not know them. Without backend
# optimization the dear files take a quarter less; the slow tests, which run longer, and
# those of theory that promise last digits are optimized.
TEST_XLA_FLAGS ?= --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1
TEST_ENV = JAX_PLATFORMS=cpu NPROC=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	XLA_FLAGS="$(TEST_XLA_FLAGS)" \
	JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.cache/jax \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
# A file stays with one worker, so that what its tests share is made once.
PYTEST = $(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist=loadfile

.PHONY: help demo test test-slow test-oracle test-newest bench lint format clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.stamp  ## train the demo models and draw bits/parameter (4 to 7 minutes)
	$(BIN)/kscale demo

test: $(VENV)/.stamp  ## the tests, without the slow ones
	JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(PYTEST) -m "not slow and not oracle" $(PYTEST_ARGS)

test-slow: $(VENV)/.stamp  ## the slow tests alone
	$(PYTEST) -m slow $(PYTEST_ARGS)

test-oracle: $(VENV)/.stamp-huggingface  ## our models beside Hugging Face's, which it installs
	$(PYTEST) -m oracle $(PYTEST_ARGS) tests/models/test_oracle.py

test-newest:  ## the tests on Python 3.12 with the newest JAX, where there is one
	@python=$$($(call find_python,sys.version_info[:2] == (3$(,) 12),python3.12)); \
	if [ -z "$$python" ]; then \
	  echo "test-newest: skipped, no working Python 3.12 on PATH or under pyenv"; \
	else \
	  $(MAKE) --no-print-directory test VENV=$(NEWEST) PYTHON="$$python" \
	    INSTALL_FLAGS="--upgrade --upgrade-strategy=eager"; \
	fi

bench: $(VENV)/.stamp-bench  ## speed beside PyTorch and SciPy, input pipeline and scorer
	$(BIN)/python -m tools.bench

lint: $(VENV)/.stamp  ## ruff and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.stamp  ## put the sources into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove environments, caches and built files
	rm -rf $(VENV) $(NEWEST) .cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find kscale tests tools experiments -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# A comma inside a call of make's would end the argument.
, := ,
INSTALL_FLAGS ?=

$(VENV)/.stamp: pyproject.toml
	@if ! $(BIN)/python -c 'import pip' >/dev/null 2>&1; then \
	  python=$$($(call find_python,sys.version_info >= (3$(,) 11),$(or $(PYTHON),$(PYTHONS)))); \
	  if [ -z "$$python" ]; then \
	    echo "make: no Python 3.11 or newer with venv among: $(or $(PYTHON),$(PYTHONS)); name one: make PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	  fi; \
	  echo "making $(VENV) with $$($$python --version) at $$python"; \
	  "$$python" -m venv --clear $(VENV); \
	fi
	@echo "installing kscale into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check $(INSTALL_FLAGS) -e '.[test,lint]'
	@touch $@

$(VENV)/.stamp-bench: $(VENV)/.stamp
	@echo "installing PyTorch for the comparison"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[bench]'
	@touch $@

$(VENV)/.stamp-huggingface: $(VENV)/.stamp
	@echo "installing PyTorch and transformers for the comparison"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[huggingface]'
	@touch $@
