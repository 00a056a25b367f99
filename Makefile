# make demo: see it work, offline.  make test: check everything.  Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check format bench bench-kill clean

demo: $(READY)
	$(BIN)/scrapy demo

test: check
	# A file of tests stays together: what it sets up once is used by all of them.
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY)
	$(BIN)/python -m bench

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "newscrawl needs Python 3.11 or later; say which with make PYTHON=…")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

# A hundred kills spread over whole runs; a shorter form is in the suite.
bench-kill: $(READY)
	$(BIN)/python -m tests.kill --kills 100

clean:
	rm -rf $(VENV) build dist *.egg-info .*_cache
