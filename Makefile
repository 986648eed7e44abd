# `make book` builds the site, `make test` checks everything. Every target first sets up what it needs in .venv.
# Each may be interrupted and repeated: a stamp is written only after its step has succeeded.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
HALF_MADE := $(VENV)/.half-made
SITE := _build/html
CACHE := _build/.jupyter_cache
SEEDS ?= 1 2 3
# No progress bar may reach a stored output.
export TQDM_DISABLE := 1
# A thread that waits spins for some microseconds only, then sleeps. By default it spins much longer, and on a busy machine
# small steps become ten times slower.
export GOMP_SPINCOUNT := 20000
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUTF8 := 1
MAKEFLAGS += --no-print-directory

.PHONY: help book test test-colab check site nbval links lab serve bench audit replicate repository clean constraints
.DEFAULT_GOAL := help

help:
	@echo "make book                      build the site; prints the path of its first page"
	@echo "make test                      check code, labs, claims and site"
	@echo "make lab                       open the notebooks in JupyterLab"
	@echo "make serve                     show the built site on localhost"
	@echo "make bench                     run the benchmarks"
	@echo "make audit                     Lighthouse on every chapter page; RUNS=5 is the default"
	@echo "make links                     look whether the links to other sites still work"
	@echo "make replicate SEEDS=\"41 42\"   repeat every lab on other seeds, say which claims held"
	@echo "make test-colab                every lab alone, in an environment with Colab's versions"
	@echo "make repository URL=...        write the repository's address into every file, and every set-up cell"
	@echo "make constraints               write constraints.txt from the environment, after a pin has changed"
	@echo "make clean                     remove what was built (_build and .venv)"

# The environment -----------------------------------------------------------------------------------------------------

# Lines "#no-deps: name==version" of requirements.txt are installed without their dependencies.
NO_DEPS = $$(sed -n 's/^\#no-deps: //p' requirements.txt)
FAILED = { echo; echo "This step failed: $(1)." >&2; echo "Try: $(2)" >&2; exit 1; }

$(READY): requirements.txt constraints.txt pyproject.toml companion/__init__.py
	@command -v git >/dev/null || $(call FAILED,looking for git,install git with the package manager of your system)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		$(call FAILED,looking for Python 3.11 or newer; "$(PYTHON)" is $$($(PYTHON) --version 2>&1 | head -n 1),install it and name it as in: make book PYTHON=python3.12)
	@[ ! -e $(HALF_MADE) ] && $(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Creating the environment $(VENV) ..."; rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); } || \
		$(call FAILED,creating the environment (python -m venv),on Debian and Ubuntu install the package python3-venv)
	@touch $(HALF_MADE)
	@echo "Installing the packages of requirements.txt. The first time this takes some minutes ..."
	@$(PY) -m pip install -q -r requirements.txt -c constraints.txt || \
		$(call FAILED,installing the packages of requirements.txt,check the network and the disk (3 GB are needed) and repeat the command; downloads are kept)
	@$(PY) -m pip install -q --no-deps $(NO_DEPS) || \
		$(call FAILED,installing $(NO_DEPS) without dependencies,check the network and repeat the command)
	@$(PY) -m pip install -q --no-deps --no-build-isolation -e . || \
		$(call FAILED,installing the package companion from this folder,make clean and repeat the command)
	@rm $(HALF_MADE) && touch $@

constraints: $(READY)
	@$(PY) tests/constraints.py > constraints.txt.new && mv constraints.txt.new constraints.txt && touch $(READY)
	@echo "constraints.txt written"

# The book ------------------------------------------------------------------------------------------------------------

# A key is one hash over the names and contents of some files, the version of Python and the seeds.
KEY = { find $(1) -type f ! -path '*/__pycache__/*' ! -path '*/.ipynb_checkpoints/*' | LC_ALL=C sort > _build/files; \
	cat _build/files; git hash-object --no-filters --stdin-paths < _build/files; \
	$(PY) -VV; echo "seed $(COURSE_SEED)"; } | git hash-object --stdin
# jupyter-cache knows the cells of a lab, not what they import: when that has changed, all labs are executed again.
EXECUTED := companion requirements.txt constraints.txt
# Sphinx does not know which pages show what a changed lab found: when anything has changed, all pages are made again.
SHOWN := $(EXECUTED) book notebooks _config.yml _toc.yml

site: $(READY)
	@mkdir -p _build
	@if [ "$$($(call KEY,$(EXECUTED)))" != "$$(cat _build/executed.key 2>/dev/null)" ]; then \
		rm -rf $(CACHE) && $(call KEY,$(EXECUTED)) > _build/executed.key; \
	fi
	@if [ "$$($(call KEY,$(SHOWN)))" != "$$(cat _build/site.key 2>/dev/null)" ] || [ ! -f $(SITE)/index.html ]; then \
		rm -rf _build/site.key $(SITE) _build/jupyter_execute; \
		$(PY) -c 'from jupyter_book.cli.main import main; main()' build . -W -n --keep-going --all -q || \
			$(call FAILED,building the site,read the warnings above; a lab that failed has its traceback in $(SITE)/reports); \
		$(call KEY,$(SHOWN)) > _build/site.key; \
	fi

book: site
	@echo "The book is at $(CURDIR)/$(SITE)/index.html"

# The tests -----------------------------------------------------------------------------------------------------------

PYTEST = $(PY) -m pytest -q
QUICK_LAB := losses

test:
	@$(MAKE) check
	@$(MAKE) site
	@$(MAKE) nbval
	@echo "== the site"
	@$(PYTEST) tests/test_site.py --numprocesses 2
	@echo "== one lab in the reader's environment"
	@$(PYTEST) tests/test_colab.py -k "not lab_alone or $(QUICK_LAB)"

# Every lab in the reader's environment. It is made once, in _build/colab.
test-colab: $(READY)
	@$(PYTEST) tests/test_colab.py

check: $(READY)
	@echo "== style"
	@$(PY) -m ruff check --output-format concise . && $(PY) -m ruff format --check .
	@echo "== modules, doctests, repository"
	@OMP_NUM_THREADS=1 $(PYTEST) --ignore=tests/test_site.py --ignore=tests/test_colab.py --numprocesses 2 --dist loadfile

# Every lab runs once more, on its own, and what its tagged cells print is compared with what the site shows.
nbval: $(READY)
	@echo "== labs against the site"
	@rm -rf _build/labs && $(PY) tests/executed_labs.py _build/labs
	@PYTHONPATH=tests $(PYTEST) -p nbval_records --nbval-lax --nbval-current-env --nbval-cell-timeout 300 _build/labs

# Labs are not executed for this: their links do not depend on it.
LINKS := _build/links
links: $(READY)
	@rm -rf $(LINKS) && mkdir -p $(LINKS)
	@sed 's/execute_notebooks: cache/execute_notebooks: "off"/' _config.yml > $(LINKS)/config.yml
	@PYTHONPATH=book/_ext $(PY) -c 'from jupyter_book.cli.main import main; main()' build . --builder linkcheck -qq \
		--config $(LINKS)/config.yml --path-output $(LINKS) > $(LINKS)/log 2>&1 || \
		{ grep -F '[broken]' $(LINKS)/_build/html/output.txt || cat $(LINKS)/log; \
		$(call FAILED,looking for the links to other sites,check the network; then mend the links above on the pages named); }

# Around it -----------------------------------------------------------------------------------------------------------

lab: $(READY)
	@env -u TQDM_DISABLE $(PY) -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

serve:
	@test -f $(SITE)/index.html || $(MAKE) book
	@$(PY) -m http.server --bind 127.0.0.1 --directory $(SITE) 8000

bench: $(READY)
	@for file in benchmarks/bench_*.py; do $(PY) $$file || exit 1; done

audit: site
	@$(PY) tests/audit.py --runs $(or $(RUNS),5)

replicate: $(READY)
	@$(PY) tests/replicate.py $(SEEDS)

repository: $(READY)
	@$(PY) tests/repository.py $(if $(URL),"$(URL)")

clean:
	rm -rf _build $(VENV) .nox *.egg-info .pytest_cache .ruff_cache .hypothesis
