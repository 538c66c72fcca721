# Two commands do all the set-up on a machine with Python >= 3.11:
#   make demo    classify real encrypted images
#   make test    lint, type-check and test, build the documentation
#   make docs    the documentation, as a folder of pages: site/index.html
# Each makes a virtual environment in .venv and installs what it needs, once.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Tested again with every backend that this CPU has beside its fastest (primes that it cannot hold:
# with scalar); tests/ntt runs them all as it is.
ENCRYPTED := tests/he tests/nn tests/accel_model tests/benchmarks

.PHONY: demo test test-all docs clean

demo: $(VENV)/.project
	$(BIN)/python -m nn demo

test: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest
	for backend in $$($(BIN)/python -c 'import ntt; print(*ntt.available_backends()[1:])'); do \
	  HE_ACCEL_BACKEND=$$backend,scalar $(BIN)/python -m pytest \
	    -m "not slow and not crosscheck" $(ENCRYPTED) || exit 1; \
	done

# Warnings, broken links among them, are errors; nothing is downloaded.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo 'Documentation: site/index.html'

# The tests that take minutes as well.
test-all: $(VENV)/.test
	$(BIN)/python -m pytest -m "slow or not slow"

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
	$(PIP) install --quiet --constraint tools/constraints.txt --editable '.[test,torch,rtl,docs]'
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
