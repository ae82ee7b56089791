# Two commands: `make quickstart` and `make test`. What they need goes into .venv: for the first the package alone, for the
# rest what tests, checks and documentation take. Both have the versions of uv.lock, and install with uv where it is there.
# `make quickstart TORCH=cpu` takes the small torch without CUDA.
PYTHON ?= python3
BIN := .venv/bin
UV ?= $(shell command -v uv)
TORCH ?=

ifeq ($(UV),)
VENV := $(PYTHON) -m venv --upgrade-deps .venv
INSTALL := $(BIN)/python -m pip install --quiet $(if $(TORCH),--extra-index-url https://download.pytorch.org/whl/$(TORCH))
else
VENV := $(UV) venv --quiet --seed --allow-existing --python $(PYTHON) .venv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python $(if $(TORCH),--torch-backend $(TORCH))
endif
# what a registry lacks of the locked versions must not keep anybody from installing
LOCKED = $(INSTALL) --constraint .venv/locked.txt $(1) || \
	{ echo "the versions of uv.lock cannot be installed here: trying the newest that fit"; $(INSTALL) $(1); }

.PHONY: quickstart test reliability lint bench bench-compare goals gpu reference docs docs-links site wheel lock clean

.venv/installed: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("resbench needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(VENV)
	$(BIN)/python scripts/locked.py > .venv/locked.txt
	$(call LOCKED,-e .)
	touch $@

.venv/dev: .venv/installed
	$(call LOCKED,-e '.[dev]')
	touch $@

quickstart: .venv/installed
	$(BIN)/resbench run ablations/quickstart.yaml --results quickstart/results --reports quickstart/reports

# a test trains on one core where it does not ask for more, and the cores are shared by as many tests
SHARED := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: .venv/dev
	$(SHARED)

# what takes minutes: kills at every moment, full disks, many commands at once, clusters; file by file, as the tests
# of a cluster share it and know its processes by their names
reliability: .venv/dev
	$(SHARED) tests/reliability --durations=10 --override-ini addopts="-q --import-mode=importlib --strict-markers --benchmark-disable"

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python scripts/words.py

BENCH := $(BIN)/python -m pytest tests/benchmarks --benchmark-enable --override-ini addopts="-q --import-mode=importlib --strict-markers"

bench: .venv/dev
	$(BENCH) --benchmark-autosave

# fails if the fastest round of anything became slower by half than in the last saved run of this machine
bench-compare: .venv/dev
	$(BENCH) --benchmark-compare --benchmark-compare-fail=min:50%

# the tables of speed goals, measured here: results/goals.json and reports/goals/; leave the machine alone meanwhile;
# SECTIONS="verdict growth-of-runs" measures these again and keeps the others
goals: .venv/dev
	PYTHONPATH=tests $(BIN)/python -m benchmarks.goals $(SECTIONS)

# what a card must show, in a table under OUT; needs no .venv: PYTHON has torch, pandas and the like, and the rest may
# come by PYTHONPATH. `python -m tests.gpu.table OUT` puts the table into results/gpu and reports/gpu.
OUT ?= gpu-acceptance
BUDGET ?= 560
gpu:
	$(PYTHON) -m tests.gpu.acceptance --out $(OUT) --budget $(BUDGET) $(GPU)

SPHINX := $(BIN)/python -m sphinx -q -E -a --keep-going -d docs/_build/doctrees

# the pages of docs/reference, from the code
reference: .venv/dev
	$(BIN)/python -m resbench.documentation docs/reference

# the documentation alone, where its links to pages of studies lead nowhere
docs: .venv/dev
	$(SPHINX) -W -b html docs docs/_build/html

# the addresses of others that the documentation links to; needs the network
docs-links: .venv/dev
	$(SPHINX) -b linkcheck docs docs/_build/links

# everything to publish, in one folder: the documentation, and in reports/ the page of each study with its tables and figures;
# of 18 studies that took 100 seconds of one core, and 46 MB
site: .venv/dev
	rm -rf site
	$(SPHINX) -W -b html docs site
	$(BIN)/resbench report --reports site/reports
	rm -rf site/.buildinfo site/reports/.work

# a wheel and an archive of the source, in dist/
wheel: .venv/dev
	$(BIN)/python -m hatchling build

# the newest versions that fit, into uv.lock; takes uv
lock:
	$(or $(UV),uv) lock --upgrade

clean:
	rm -rf .venv site dist docs/_build
