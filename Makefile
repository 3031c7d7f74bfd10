# make run     set up if needed, then start everything (Ctrl-C stops it)
# make test    set up if needed, then run all tests in four processes;  make test ARGS="-k relay"  make test PROCESSES=0
# make setup   prepare only
# The rest: make lint, make lock, make schema, make clean

ARGS ?=
# The suite waits more than it computes: four processes suit two cores. 0 runs every test in this one, as a debugger wants it.
PROCESSES ?= 4
BIN = .venv/bin
export PYTHON

.PHONY: run test setup lint lock schema clean

run:
	@.ci/bootstrap weights
	@$(BIN)/tzurot run $(ARGS)

test: setup
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || \
	  echo "No Chromium here: pages are not looked at in a browser. On Debian: apt-get install chromium chromium-driver"
	@$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=worksteal $(ARGS)

setup:
	@.ci/bootstrap

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: setup
	@.ci/lock $(ARGS)

schema: setup
	@$(BIN)/python -m engine.embedded.dump

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
