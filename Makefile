# Racord's commands; `make help` lists them. A plain POSIX shell, make and Python 3.11+ are all they need.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
UV ?= uv
ARGS ?=

# A stamp's name holds what it was made from, so that set-up is repeated when that changes and never otherwise.
# The folder counts too: a virtual environment that is moved is made anew.
stamp = $(VENV)/.$(1)-$(shell { cat requirements/$(1).txt pyproject.toml; pwd; } | cksum | cut -d' ' -f1)
RUN := $(call stamp,run)
DEV := $(call stamp,dev)

# An interrupted installation is begun anew: pip takes half a package for a whole one.
define install
@set -eu; \
if [ -e $(VENV)/.unfinished ] || [ "$$(cat $(VENV)/.folder 2>/dev/null)" != "$$(pwd)" ] || ! $(BIN)/python -c 'import pip' >/dev/null 2>&1; then \
	rm -rf $(VENV); \
	python=; \
	for name in "$${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do \
		if [ -n "$$name" ] && "$$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			python=$$name; break; \
		fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo 'Racord needs Python 3.11 or newer with its venv module, and found none on PATH.' >&2; \
		echo 'Install it (Debian, Ubuntu: apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)' >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" -V); this happens once ..."; \
	"$$python" -m venv $(VENV); \
	pwd > $(VENV)/.folder; \
fi; \
touch $(VENV)/.unfinished; \
rm -f $(VENV)/.$(1)-*; \
$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r requirements/$(1).txt </dev/null; \
$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --no-deps --no-build-isolation -e . </dev/null; \
rm -f $(VENV)/.unfinished
endef

.PHONY: help run demo test check bench requirements clean

help: ## what can be asked for
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 22

run: $(RUN) ## set up and start everything; PORT=... and RACORD_HOME=... are heeded
	@exec $(BIN)/racord run $(ARGS)

demo: $(RUN) ## one clinic per partner, from the contract to the live connection and its end
	@exec $(BIN)/racord demo $(ARGS)

test: $(DEV) ## every test; ARGS="-k words" picks some
	@exec $(BIN)/python -m tests.run $(ARGS)

check: $(DEV) ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

bench: $(DEV) ## how fast it is here
	@exec $(BIN)/python -m bench $(ARGS)

requirements: ## pin the dependencies of pyproject.toml anew (needs uv); UPGRADE=--upgrade takes newer ones
	$(call pin,app)
	$(call pin,run,--extra embedded)
	$(call pin,dev,--extra embedded --extra dev)

# No index address gets into the files: they serve any mirror, and the hashes say what may come from it.
pin = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links $(UPGRADE) $(2) -o requirements/$(1).txt pyproject.toml

clean: ## remove what was set up and cached; data in .racord/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage build dist racord.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	$(call install,run)
	@touch $@

# What the tests need includes what running needs.
$(DEV):
	$(call install,dev)
	@rm -f $(VENV)/.run-*; touch $@ $(RUN)
