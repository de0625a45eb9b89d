# dlsfaces: every target prepares what it needs (.venv, packages, the course itself), and does so once.
#   make course             run all notebooks, `cpu` size, embedded faces
#   make course SIZE=gpu DATA=celeba500 NOTEBOOKS="03 04"
#   make course INPLACE=1   the same, and store the outputs in notebooks/ (before a commit)
#   make test               run the tests
# PYTHON=/path/to/python3 chooses the Python (3.10 to 3.13); otherwise the first that fits in PATH is used.

SIZE ?= cpu
DATA ?=
NOTEBOOKS ?=
INPLACE ?=
BENCH ?=
NAME ?=
TESTS ?=
JOBS ?= 2

export PYTHON
python := .venv/bin/python
# A machine like Colab's: its Python, where PATH has that one, and the versions in requirements-colab.txt.
colab_python := python3.13
colab := .venv-colab
colab_tests := tests/test_notebooks.py tests/test_course.py tests/test_plots.py $(wildcard tests/test_widgets.py)
# One torch thread for each of the parallel tests: more only get in each other's way.
one_thread := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 DLSFACES_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup check-torch course test test-colab lint format bench peers picture repo clean distclean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## prepare .venv (the other targets do it by themselves)
	@sh tools/setup.sh

check-torch: setup
	@$(python) tools/check_torch.py

course: check-torch ## run the notebooks: SIZE=smoke|cpu|gpu DATA=name|folder NOTEBOOKS="03 04"
	@$(python) -m tools.run_course --size '$(SIZE)' --data '$(DATA)' --only '$(NOTEBOOKS)' $(if $(INPLACE),--inplace)

test: check-torch ## run the tests, JOBS=2 at a time: TESTS="tests/test_course.py -k start" for some
	@$(one_thread) $(python) -m pytest -n $(JOBS) $(TESTS)

test-colab: ## the notebooks, the controls and the set-up beside Colab's versions, in .venv-colab: JOBS=1 TESTS=...
	@PREFERRED_PYTHON=$(colab_python) sh tools/setup.sh --venv $(colab) --machine requirements-colab.txt
	@$(colab)/bin/python tools/check_torch.py
	@$(one_thread) $(colab)/bin/python -m pytest -n $(JOBS) $(or $(TESTS),$(colab_tests))

lint: setup ## ruff: rules and format, package and notebooks
	@$(python) -m ruff check . && $(python) -m ruff format --check .

format: setup ## ruff: put the format right, and what else it can mend by itself
	@$(python) -m ruff check --fix . ; $(python) -m ruff format .

bench: check-torch ## run the benchmarks and rewrite benchmarks/README.md: BENCH=name for one
	@sh tools/bench.sh $(BENCH)

peers: setup ## install the peers of some benchmarks (MTCNN, dlib) into .venv-peers (compiles: 10 minutes)
	@sh tools/peers.sh

picture: setup ## draw the README's pictures anew
	@$(python) -c "from dlsfaces import plots; plots.pipeline().savefig('assets/pipeline.png', dpi=120); \
	    plots.contact_sheet(first=73).savefig('assets/people.jpg', dpi=100, pil_kwargs={'quality': 85})"

repo: ## stamp the address into badges and set-up cells: NAME=owner/name for a fork
	@$(or $(PYTHON),python3) -m tools.repo $(if $(NAME),--name '$(NAME)')

clean: ## remove what was built
	rm -rf build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean ## remove .venv, .venv-colab and .venv-peers too
	rm -rf .venv $(colab) .venv-peers
