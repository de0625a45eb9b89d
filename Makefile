# dlsfaces: every target prepares what it needs (.venv, packages, the course itself), and does so once.
#   make start              open chapter 00
#   make course             run all notebooks, `cpu` size, built-in people
#   make course SIZE=gpu DATA=celeba500 NOTEBOOKS="03 04"
#   make course INPLACE=1   the same, and store the outputs in notebooks/ (before a commit)
#   make test               run the tests
# PYTHON=/path/to/python3 chooses the Python (3.10 to 3.13); otherwise the first that fits in PATH is used.

SIZE ?= $(or $(DLSFACES_SIZE),cpu)
DATA ?= $(DLSFACES_DATA)
NOTEBOOKS ?=
INPLACE ?=
BENCH ?=
NAME ?=
TESTS ?=
JOBS ?= 2

# Recipes read these from their environment ("$$DATA"): an apostrophe in the name of a folder does no harm.
export PYTHON SIZE DATA NOTEBOOKS NAME
python := .venv/bin/python
# A machine like Colab's: its Python, where PATH has that one, and the versions in requirements-colab.txt.
colab_python := python3.13
colab := .venv-colab
site := .venv-site
colab_tests := tests/test_notebooks.py tests/test_course.py tests/test_plots.py tests/test_widgets.py tests/browser
# One torch thread for each of the parallel tests: more only get in each other's way.
one_thread := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 DLSFACES_THREADS=1

# The linter needs no torch: where .venv is not there, it has a small environment of its own.
ruff := $(firstword $(wildcard .venv/bin/ruff) .venv-lint/bin/ruff)

.DEFAULT_GOAL := help
.PHONY: help setup check-torch start course demo assignments test test-colab lint format lines bench peers images site repo clean distclean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## prepare .venv (the other targets do it by themselves)
	@sh tools/setup.sh

check-torch: setup
	@$(python) tools/check_torch.py

start: check-torch ## open chapter 00 in your browser
	@$(python) -m jupyter lab notebooks/00_start_here.ipynb

course: check-torch ## run the notebooks: SIZE=smoke|cpu|gpu DATA=name|folder NOTEBOOKS="03 04"
	@$(python) -m tools.run_course --size "$$SIZE" --data "$$DATA" --only "$$NOTEBOOKS" $(if $(filter-out 0 no false,$(INPLACE)),--inplace)

demo: check-torch ## the demo as a page in your browser: photos in, names out
	@$(python) -m voila notebooks/demo.ipynb

assignments: check-torch ## the homeworks for students, and their solutions, from tools/grading/masters
	@$(python) -m tools.grading.assign

test: check-torch ## run the tests, JOBS=2 at a time: TESTS="tests/test_course.py -k start" for some
	@$(one_thread) $(python) -m pytest -n $(JOBS) $(TESTS)

test-colab: ## the notebooks, the controls and the set-up beside Colab's versions, in .venv-colab: JOBS=1 TESTS=...
	@PREFERRED_PYTHON=$(colab_python) sh tools/setup.sh $(colab) requirements-colab.txt
	@$(one_thread) $(colab)/bin/python -m pytest -n $(JOBS) $(or $(TESTS),$(colab_tests))

lint: $(ruff) ## ruff: rules and format, packages and notebooks
	@$(ruff) check . && $(ruff) format --check .

format: $(ruff) ## ruff: put the format right, and what else it can mend by itself
	@$(ruff) check --fix . ; $(ruff) format .

.venv-lint/bin/ruff:
	@"$(or $(PYTHON),python3)" -m venv .venv-lint
	@.venv-lint/bin/python -m pip install --quiet "$$(grep -o '^ruff[^ ]*' requirements-dev.txt)"

lines: check-torch ## lines of Python by part, exported names, the files on an image's way
	@$(python) -m benchmarks.lines --show

bench: check-torch ## run the benchmarks and rewrite benchmarks/README.md: BENCH=name for one
	@sh tools/bench.sh $(BENCH)

peers: setup ## install the peers of some benchmarks (MTCNN, dlib) into .venv-peers (compiles: 10 minutes)
	@sh tools/peers.sh

images: setup ## the README's figures: the first one is chapter 00's, as it is stored there
	@$(python) -c "import base64; from tools import notebooks as n; from dlsfaces import plots; \
	    (cell,) = (c for c in n.read(n.chapters()[0])['cells'] if c['id'] == 'first-picture'); \
	    open('assets/pipeline.jpg', 'wb').write(base64.b64decode(cell['outputs'][0]['data']['image/jpeg'])); \
	    plots.contact_sheet(people=3, first=73).savefig('assets/people.jpg', dpi=200, pil_kwargs={'quality': 80})"

site: $(site)/ready ## the course as pages to read, in build/site/html, and a count of its broken links
	@$(one_thread) $(site)/bin/python -m tools.site

# Sphinx and its like lie beside the course's packages, and see them by the path in course.pth.
$(site)/ready: requirements-site.txt .venv/.dlsfaces-stamp
	@$(python) -m venv --clear $(site)
	@$(python) -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
	    >"$$($(site)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/course.pth"
	@$(site)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-site.txt
	@touch $@

.venv/.dlsfaces-stamp: setup ;

repo: ## stamp address, badges, set-up cells and the drawing of the house: NAME=owner/name for a fork
	@"$(or $(PYTHON),python3)" -m tools.repo $(if $(NAME),--name "$$NAME")

clean: ## remove what was built
	rm -rf build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean ## remove .venv and its like too
	rm -rf .venv $(colab) $(site) .venv-lint .venv-peers
