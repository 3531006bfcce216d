# Both `make demo` and `make test` set up all they need, in .venv.

VENV := .venv
PYTHON ?= python3
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo real test test-slow lint format types bench docs clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "posttrain needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(VENV)/bin/posttrain demo

real: $(STAMP)
	$(VENV)/bin/posttrain demo --real

test: $(STAMP)
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -m 'not slow' -n auto --dist loadfile --no-loadscope-reorder

test-slow: $(STAMP)
	$(VENV)/bin/python -m pytest -m slow

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright

format: $(STAMP)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt -r bench/requirements.txt
	$(VENV)/bin/python bench/compare.py

docs: $(STAMP)
	$(VENV)/bin/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet
	@echo "The site is in build/site. To read it with its search: python3 -m http.server -d build/site"

clean:
	rm -rf $(VENV) runs build dist .pytest_cache .ruff_cache .hypothesis
