# Needs Python 3.11 or newer, make and git. Everything else is installed into .venv, once.

PYTHON ?= python3
JUPYTER_ARGS ?=
GPU_ARGS ?=

PY := .venv/bin/python
BENCH_PY := .venv-bench/bin/python
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
START := 00_start_here.ipynb
UV_COMPILE = .venv-pins/bin/uv pip compile --quiet --universal --python-version 3.11 --extra lab --custom-compile-command "make pins"
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Without byte code every start of a kernel would compile JAX and matplotlib afresh.
unexport PYTHONDONTWRITEBYTECODE
# A folder of packages from elsewhere must not hide the pinned ones.
unexport PYTHONPATH

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## show this list
	@echo "make TARGET, with PYTHON=python3.12 to choose the interpreter:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s%s\n", $$1, $$2 }' Makefile

.PHONY: lab
lab: .venv/.ready ## set up once, then open the course in JupyterLab
	$(PY) -m jupyterlab $(AS_ROOT) --ServerApp.root_dir=notebooks --LabApp.default_url=/lab/tree/$(START) $(JUPYTER_ARGS)

.PHONY: notebook
notebook: .venv/.ready ## the same in Jupyter Notebook
	$(PY) -m notebook $(AS_ROOT) --ServerApp.root_dir=notebooks --JupyterNotebookApp.default_url=/notebooks/$(START) $(JUPYTER_ARGS)

.PHONY: test
test: .venv/.test .venv/.ipykernel6 .venv/.oldest .venv/.site .venv/.roads ## check the style, then run every doctest, test and notebook
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	OPENBLAS_NUM_THREADS=1 $(PY) -m pytest --numprocesses 2 --dist loadfile

COLAB_TEST = OPENBLAS_NUM_THREADS=1 .venv-colab/bin/python -W ignore::DeprecationWarning -m pytest -p no:cacheprovider -q \
    -W ignore::DeprecationWarning --numprocesses 2 --dist loadfile

.PHONY: colab
colab: .venv-colab/.ready ## run the tests, the notebooks and the classic Notebook with what Colab has
	$(COLAB_TEST) -o addopts="--import-mode=importlib" tests/test_colab.py tests/library tests/live tests/course \
	    tests/pages/test_classic.py
	PYTHONPATH="$(CURDIR)/tests/colab" TQDM_DISABLE=1 BATCHLAB_PROGRESS=off $(COLAB_TEST) notebooks

.PHONY: bench
bench: .venv-bench/.ready ## measure speed, latency and memory against other libraries
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH_PY) -m benchmarks

.PHONY: gpu
gpu: ## measure everything on a GPU, with a $(PYTHON) that has JAX for it; nothing is installed
	$(PYTHON) benchmarks/gpu.py $(GPU_ARGS)

.PHONY: gputable
gputable: ## write what is committed in benchmarks/results into the README
	$(PYTHON) -m benchmarks.gpu_targets

.PHONY: site
site: .venv/.site ## build the course as pages that move without a kernel, into build/site/html
	PYTHONPATH=.venv/site $(PY) site/build.py build/site

.PHONY: format
format: .venv/.test ## put code and notebooks in the agreed style
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

.PHONY: notebooks
notebooks: .venv/.test ## run the notebooks and write them with their outputs
	$(PY) tests/execute_notebooks.py

.PHONY: film
film: .venv/.test ## film the lab in a browser for the README
	$(PY) tests/pages/film.py

.PHONY: verdicts
verdicts: .venv/.test ## test the twenty statements and write what is measured into the README
	$(PY) -m pytest tests/test_statements.py --write-verdicts

.PHONY: badges
badges: .venv/.ready ## write the repository's ADDRESS wherever a notebook is opened from it
	$(PY) tests/badges.py $(ADDRESS)

.PHONY: pins
pins: .venv-pins/.ready ## resolve the ranges of pyproject.toml into requirements.txt afresh
	$(UV_COMPILE) --upgrade --annotation-style line --output-file requirements.txt pyproject.toml
	$(UV_COMPILE) --extra test --no-annotate --constraint requirements.txt --output-file tests/requirements.txt pyproject.toml
	echo '# Made by `make pins`: what `make lab` installs but the library itself, so that Binder keeps it from build to build.' \
	    > binder/requirements.txt
	sed -e '/^#/d' -e 's/  *#.*//' requirements.txt >> binder/requirements.txt
	awk -F'[= ]' 'BEGIN { print "# Made by `make pins`: what the tests need beside requirements.txt." } \
	    NR == FNR { seen[$$1]; next } !/^#/ && !($$1 in seen)' requirements.txt tests/requirements.txt > tests/.pins
	mv tests/.pins tests/requirements.txt
	echo "-e ." >> requirements.txt

.PHONY: clean
clean: ## remove what the other targets made; a reader's progress stays
	rm -rf .venv .venv-bench .venv-colab .venv-pins .pytest_cache .ruff_cache build dist
	find . -name .git -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# A stamp is written last, so a set-up that broke off goes on where it was.

define virtual_environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
    echo "batchlab needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)"; \
    echo "Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; } >&2
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
    package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
    echo "'$(PYTHON)' cannot make virtual environments yet: installing $$package"; \
    sudo=sudo; [ "$$(id -u)" != 0 ] || sudo=env; \
    { command -v apt-get && command -v $$sudo; } >/dev/null && $$sudo apt-get update -qq && \
    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$package </dev/null >/dev/null || { \
        echo "That did not work. As an administrator, run: apt-get install $$package"; \
        echo "or install Python from python.org and name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }; } >&2
@{ [ "$$($(@D)/bin/python --version)" = "$$($(PYTHON) --version)" ] && $(@D)/bin/python -m pip --version; } \
    >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(@D) # anew, too, where uv has made it: without pip
endef

# In this environment alone: installing the library elsewhere changes nobody's server, nor what a notebook keeps.
define enable_extension
@mkdir -p $(@D)/etc/jupyter/jupyter_server_config.d $(@D)/share/jupyter/lab/settings
@cp lib/batchlab_server/config.json $(@D)/etc/jupyter/jupyter_server_config.d/batchlab_server.json
@cp lib/batchlab_server/overrides.json $(@D)/share/jupyter/lab/settings/overrides.json
endef

.venv/.ready: requirements.txt pyproject.toml lib/batchlab_server/overrides.json
	$(virtual_environment)
	@echo "Installing the pinned packages into .venv: a few minutes, this once"
	$(PY) $(PIP_INSTALL) -r requirements.txt
	$(enable_extension)
	touch $@

.venv/.test: tests/requirements.txt .venv/.ready
	$(PY) $(PIP_INSTALL) -r tests/requirements.txt
	touch $@

.venv/.ipykernel6: tests/ipykernel6.txt .venv/.ready
	rm -rf .venv/ipykernel6
	$(PY) $(PIP_INSTALL) --no-deps --target .venv/ipykernel6 -r tests/ipykernel6.txt
	PYTHONPATH=.venv/ipykernel6 $(PY) -m ipykernel install --prefix .venv --name ipykernel6 --display-name "Python 3 (ipykernel 6)" \
	    --env PYTHONPATH "$(CURDIR)/.venv/ipykernel6"
	touch $@

.venv/.oldest: tests/oldest.txt .venv/.ready
	rm -rf .venv/oldest
	$(PY) $(PIP_INSTALL) --no-deps --target .venv/oldest -r tests/oldest.txt
	touch $@

.venv/.site: site/requirements.txt .venv/.ready
	rm -rf .venv/site
	$(PY) $(PIP_INSTALL) --no-deps --target .venv/site -r site/requirements.txt
	touch $@

.venv/.roads: tests/roads.txt .venv/.ready
	rm -rf .venv/roads
	$(PY) $(PIP_INSTALL) --no-deps --target .venv/roads -r tests/roads.txt
	touch $@

.venv-bench/.ready: requirements.txt pyproject.toml
	$(virtual_environment)
	@echo "Installing the pinned packages, PyTorch too, into .venv-bench: a few minutes, this once"
	$(BENCH_PY) $(PIP_INSTALL) -r requirements.txt -e ".[bench]"
	$(enable_extension)
	touch $@

.venv-colab/.ready: tests/colab.txt pyproject.toml
	$(virtual_environment)
	.venv-colab/bin/python $(PIP_INSTALL) -r tests/colab.txt -e .
	touch $@

.venv-pins/.ready:
	$(virtual_environment)
	.venv-pins/bin/python $(PIP_INSTALL) "uv<1"
	touch $@
