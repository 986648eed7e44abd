# `make book` builds the site, `make test` checks everything. Every target first
# sets up what it needs in .venv. Each may be interrupted and repeated: a stamp
# is written only after its step has succeeded. Logs are in _build/log.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
RUN := $(PY) tests/quiet.py
READY := $(VENV)/.ready
SITE := _build/html
SEEDS ?= 1 2 3
PORT ?= 8000
# No progress bar may reach a stored output.
export TQDM_DISABLE := 1
# A thread that waits spins for some microseconds only, then sleeps. By default
# it spins much longer, and on a busy machine small steps take ten times as long.
export GOMP_SPINCOUNT := 20000
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUTF8 := 1
# Containers often forbid Python to keep what it has compiled. Then every lab,
# every build and every test compiles torch and scipy anew: seconds each.
unexport PYTHONDONTWRITEBYTECODE
MAKEFLAGS += --no-print-directory

.PHONY: help book test test-colab check one chapter site nbval again quick links lab strip serve pdf archive student solutions grade bench audit replicate mutate-claims release repository clean constraints
.DEFAULT_GOAL := help

help:
	@echo "make book                      build the site; prints the path of its first page"
	@echo "make test                      check code, labs, claims and site"
	@echo "make one LAB=dropout           build the site and check one chapter of it"
	@echo "make chapter NAME=my_chapter   begin a chapter: its files, and its lines in the contents"
	@echo "make lab                       open copies of the notebooks in JupyterLab, in my_labs; ARGS=--allow-root for root"
	@echo "make strip                     take outputs and traces of editors out of notebooks/"
	@echo "make serve PORT=8000           show the built site on localhost"
	@echo "make pdf                       the whole course as one PDF, with bookmarks"
	@echo "make archive                   the course as a ZIP for a classroom without network"
	@echo "make student                   the site without solutions, and the labs: _build/student"
	@echo "make solutions                 the labs with their exercises solved: _build/solutions"
	@echo "make grade LABS=folder         grade submitted labs: OUT=grades.csv, CASES=folder with checks of your own"
	@echo "make bench                     run the benchmarks"
	@echo "make audit                     Lighthouse on every chapter page; RUNS=5 is the default"
	@echo "make links                     look whether the links to other sites still work"
	@echo "make replicate SEEDS=\"41 42\"   repeat every lab on other seeds, say which claims held"
	@echo "make mutate-claims             run every lab with small mistakes in it, list claims that hold nevertheless; LABS=\"...\""
	@echo "make release                   repeat every changed lab on five fresh sets of seeds; writes replications.json"
	@echo "make test-colab                every lab alone, in an environment with Colab's versions"
	@echo "make quick                     every lab at the pace of a class hour, on four seeds; tests no claim that needs more"
	@echo "make again                     every lab once more, its claims made again after the last cell"
	@echo "make repository URL=...        write the repository's address into every file, and every set-up cell; BRANCH=... TITLE=\"...\""
	@echo "make constraints               write constraints.txt from the environment, after a pin has changed"
	@echo "make clean                     remove what was built (_build and .venv)"

# The environment -------------------------------------------------------------

FAILED = { echo; echo "This step failed: $(1)." >&2; echo "Try: $(2)" >&2; exit 1; }

# The stamp names the folder: an environment that was moved or copied is made anew.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

$(READY): requirements.txt constraints.txt pyproject.toml companion/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		$(call FAILED,looking for Python 3.11 or newer; "$(PYTHON)" is $$($(PYTHON) --version 2>&1 | head -n 1),install it and name it as in: make book PYTHON=python3.12)
	@$(PYTHON) tests/environment.py

constraints: $(READY)
	@$(RUN) tests/constraints.py > constraints.txt.new && mv constraints.txt.new constraints.txt && touch $(READY)
	@echo "constraints.txt written"

# The book --------------------------------------------------------------------

site: $(READY)
	@$(RUN) tests/build_site.py

book: site
	@echo "The book is at $(CURDIR)/$(SITE)/index.html"

# The tests -------------------------------------------------------------------

test: $(READY)
	@$(RUN) tests/stages.py

check: $(READY)
	@$(RUN) tests/stages.py --go-on style "modules, doctests, repository"

one: $(READY)
	@$(RUN) tests/one_chapter.py $(LAB)

chapter: $(READY)
	@$(RUN) tests/new_chapter.py $(NAME)

# Every lab runs once more, on its own, and what its tagged cells print is
# compared with what the site shows.
nbval: site
	@$(RUN) tests/stages.py "labs against the site"

# And once more with the claims made again at the end, as readers do who go back
# to a cell.
again: site
	@$(RUN) tests/labs.py again

# At the pace of a class hour; nothing of it is kept.
quick: $(READY)
	@$(RUN) tests/labs.py quick

# Every lab in the reader's environment. It is made once, in _build/colab.
test-colab: $(READY)
	@$(RUN) -m pytest -q tests/test_colab.py

links: $(READY)
	@$(RUN) tests/links.py

# Around it -----------------------------------------------------------------------------------------------------------

lab: $(READY)
	@env -u TQDM_DISABLE $(RUN) tests/lab_copies.py open $(ARGS)

strip: $(READY)
	@$(RUN) tests/lab_copies.py strip

serve: $(if $(wildcard $(SITE)/index.html),,book)
	@$(RUN) tests/serve.py $(SITE) $(PORT)

pdf: site
	@$(RUN) tests/course_pdf.py

archive: site
	@$(RUN) tests/archive.py

student: $(READY)
	@$(RUN) tests/editions.py student

solutions: $(READY)
	@$(RUN) tests/editions.py solutions

grade: $(READY)
	@$(RUN) tests/grade.py $(if $(LABS),"$(LABS)") $(if $(OUT),--out "$(OUT)") $(if $(CASES),--cases "$(CASES)")

bench: $(READY)
	@for file in benchmarks/bench_*.py; do $(RUN) $$file || exit 1; done

audit: site
	@$(RUN) tests/audit.py --runs $(or $(RUNS),5)

replicate: $(READY)
	@$(RUN) tests/replicate.py $(SEEDS)

mutate-claims: $(READY)
	@$(RUN) tests/mutate_claims.py $(LABS)

release: $(READY)
	@$(RUN) tests/release.py

repository: $(READY)
	@$(RUN) tests/repository.py $(if $(URL),--url "$(URL)") $(if $(BRANCH),--branch "$(BRANCH)") $(if $(TITLE),--title "$(TITLE)")

clean:
	rm -rf _build $(VENV) .nox *.egg-info .pytest_cache .ruff_cache .hypothesis
