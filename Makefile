# Everything sets itself up: Python 3.11, 3.12 or 3.13 and make are enough.
VENV ?= .venv
export HER2PLASTIC_VENV = $(VENV)
export PYTHON
BIN = $(VENV)/bin

.PHONY: demo test lint docs notebooks bench build lock clean help

help:
	@echo "make demo   set up, then run the embedded example cohort and write its report to demo/"
	@echo "make test   set up, then run the tests"
	@echo "make lint   ruff, mypy and the import floors"
	@echo "make docs   the documentation, with its figures and notebooks: build/docs/index.html"
	@echo "make notebooks  run every notebook; the executed copies go to build/notebooks/"
	@echo "make bench  the benchmarks, written to benchmarks/RESULTS.md"
	@echo "make build  the wheel and the sdist, in dist/"
	@echo "make lock   write the pinned versions anew (needs uv)"
	@echo "make clean  remove the environment and what the commands above made"

demo:
	@MAKE_GOAL=demo environment/setup.sh run
	$(BIN)/her2plastic demo -o demo

test:
	@MAKE_GOAL=test environment/setup.sh test
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint:
	@MAKE_GOAL=lint environment/setup.sh test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs:
	@MAKE_GOAL=docs environment/setup.sh test
	@echo "docs: notebooks are executed and figures drawn; this takes five to ten minutes, and says nothing until its end"
	$(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

notebooks:
	@MAKE_GOAL=notebooks environment/setup.sh test
	HER2PLASTIC_EXECUTED_NOTEBOOKS=build/notebooks $(BIN)/python -m pytest -n 2 tests/notebooks
	@echo "build/notebooks/ holds the executed copies; any notebook program opens them"

bench:
	@MAKE_GOAL=bench environment/setup.sh test
	$(BIN)/python benchmarks/run.py

build:
	@MAKE_GOAL=build environment/setup.sh test
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

lock:
	environment/lock.sh

clean:
	rm -rf $(VENV) demo build dist docs/generated .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
