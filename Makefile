# make demo: see it work, offline.  make check: the quick checks, before every commit.
# make test: all checks and all tests.  Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What running needs, and what the tests need besides.
RUNS := $(VENV)/.runs
DOCS := $(VENV)/.docs
READY := $(VENV)/.ready
SCRAPYD := .venv-scrapyd

# Fails where there is no Chromium or Chrome.
FIND_BROWSER := $(BIN)/python -c 'import os, sys; from newscrawl.downloader.browser.installed import find_browser; sys.exit(not find_browser(os.environ.get("NEWSCRAWL_BROWSER", "")))'

# Says what the WordPress of the tests lacks; fails where it lacks something.
FIND_WORDPRESS := $(BIN)/python -c 'import sys; from tests.wordpress import missing; sys.exit(missing() or 0)'

# The tests start many processes, so they keep the compiled modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test browser wordpress check lint format docs bench bench-kill clean

demo: $(RUNS)
	@$(BIN)/newscrawl demo

test: lint browser wordpress $(SCRAPYD)/.ready
	# A file of tests stays together: what it sets up once is used by all of them. The order of the
	# files is that of tests/conftest.py. Some tests wait for a server: one worker more than cores.
	$(BIN)/python -m pytest -n $$($(PYTHON) -c 'import os; print(os.cpu_count() + 1)') \
		--dist loadfile --no-loadscope-reorder

# Debian's Chromium, where none is installed and we may install one.
browser: $(READY)
	@$(FIND_BROWSER) || { \
		root=; test "$$(id -u)" = 0 || root="sudo -n"; \
		echo "Installing Chromium for the tests of the browser …"; \
		{ $$root apt-get update -qq && \
		$$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } >/dev/null 2>&1; \
		$(FIND_BROWSER) || echo "No Chromium could be installed: the tests of the browser will be skipped."; }

# Debian's WordPress with a database and a web server, where we are root, as in CI. Their services
# are not started: the tests run servers of their own.
wordpress: $(READY)
	@$(FIND_WORDPRESS) 2>/dev/null || { \
		test "$$(id -u)" != 0 || { \
		echo "Installing WordPress for its tests …"; \
		{ apt-get update -qq && \
		env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y --no-install-recommends \
			wordpress php php-cli php-fpm php-mysql php-xml php-mbstring \
			mariadb-server-core mariadb-client-core nginx-light openssl; } >/dev/null 2>&1; }; \
		$(FIND_WORDPRESS) || echo "The tests of WordPress will be skipped."; }

# Format, lint, types, contracts and the quick tests: those marked with pytest.mark.fast.
check: lint
	$(BIN)/python -m pytest -q -m fast

lint: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The documentation as a site; broken links fail.
docs: $(DOCS)
	@$(BIN)/python docs/generate.py
	@$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
	@echo "Open build/docs/index.html"

bench: $(READY)
	$(BIN)/python -m bench

INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e

$(RUNS): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "newscrawl needs Python 3.11 or later; say which with make PYTHON=…")'
	@echo "Setting up $(VENV): newscrawl and what running it needs …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) '.[dataset]'
	@touch $@

$(DOCS): $(RUNS)
	@echo "Setting up $(VENV): the tools of the documentation …"
	@$(INSTALL) '.[docs]'
	@touch $@

$(READY): $(RUNS)
	@echo "Setting up $(VENV): the tools of the tests …"
	@$(INSTALL) '.[test]'
	@touch $@

# A server as deploy/install sets it up, for the tests of Scrapyd.
$(SCRAPYD)/.ready: deploy/install pyproject.toml constraints.txt
	NO_SYSTEMD=1 PYTHON=$(PYTHON) deploy/install $(SCRAPYD) >/dev/null
	touch $@

# A hundred kills spread over whole runs; a shorter form is in the suite.
bench-kill: $(READY)
	$(BIN)/python -m tests.kill --kills 100

clean:
	rm -rf $(VENV) $(SCRAPYD) build dist *.egg-info .*_cache
