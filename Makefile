# These commands do all the set-up on a machine with Python >= 3.11:
#   make demo    classify real encrypted images
#   make page    a page to draw a digit on, and a service that classifies it without seeing it
#   make test    lint, type-check and test, build the documentation
#   make docs    the documentation, as a folder of pages: site/index.html
# Each makes a virtual environment in .venv and installs what it needs, once.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Test processes side by side: one a core, and no more than four, since each may take 2 GB.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(min(4, len(os.sched_getaffinity(0))))')
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile
OTHER_BACKENDS := $$($(BIN)/python -c 'import ntt; print(*ntt.available_backends()[1:])')
# tests/ntt runs every kernel with every backend and holds their bits equal. What can differ besides
# is how `he` and `nn` use them: each operation end to end, and the edges, run again with the other
# backends of this CPU (primes that one cannot hold: with scalar).
EVERY_BACKEND := tests/he/bfv tests/he/ckks tests/he/batched tests/he/rlwe/test_keyswitch.py \
  tests/he/rlwe/test_rns.py tests/he/test_real_parameters.py tests/he/test_several_threads.py \
  tests/he/test_steady_state.py tests/nn/test_encrypted.py tests/nn/batched/test_reals.py \
  tests/nn/batched/test_integers.py tests/accel_model/execution/test_executor.py
ENCRYPTED := tests/he tests/nn tests/accel_model tests/benchmarks

.PHONY: demo page test test-all docs clean

demo: $(VENV)/.project
	$(BIN)/python -m nn demo

page: $(VENV)/.service
	$(BIN)/python -m nn client

test: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/mypy
	$(PYTEST)
	for backend in $(OTHER_BACKENDS); do \
	  HE_ACCEL_BACKEND=$$backend,scalar $(PYTEST) -m "not slow and not crosscheck" \
	    $(EVERY_BACKEND) || exit 1; \
	done

# Warnings, broken links among them, are errors; nothing is downloaded.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo 'Documentation: site/index.html'

# The tests that take minutes as well, and all encrypted ones with every backend.
test-all: $(VENV)/.test
	$(PYTEST) -m "slow or not slow"
	for backend in $(OTHER_BACKENDS); do \
	  HE_ACCEL_BACKEND=$$backend,scalar $(PYTEST) -m "not slow and not crosscheck" \
	    $(ENCRYPTED) || exit 1; \
	done

clean:
	rm -rf $(VENV) build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("he-accel needs Python >= 3.11; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.project: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable .
	touch $@

$(VENV)/.test: pyproject.toml tools/constraints.txt $(VENV)/.peers | $(BIN)/python
	$(PIP) install --quiet --constraint tools/constraints.txt --editable '.[test,torch,onnx,rtl,docs,service]'
	touch $@

$(VENV)/.service: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[service]'
	touch $@

$(VENV)/.docs: pyproject.toml tools/constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint tools/constraints.txt --editable '.[docs]'
	touch $@

# The libraries compared with. Pyfhel compiles SEAL; pip keeps the wheel in its cache.
$(VENV)/.peers: tools/constraints.txt tools/seal-toolchain.cmake | $(BIN)/python
	@echo 'Installing Pyfhel, the library compared with; compiling it takes minutes, the first time.'
	CMAKE_TOOLCHAIN_FILE='$(CURDIR)/tools/seal-toolchain.cmake' \
	  $(PIP) install --quiet --constraint tools/constraints.txt pyfhel tenseal
	touch $@
