# The commands of the project. Each makes the environment it needs; nothing has to be installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
JOBS ?= 5
# Packages of the tests of the pytest plug-in, a folder for each list: other versions than those of the environment.
TEST_PACKAGES := .test-packages
LISTS := tests/pytest_plugin/packages
PREPARED := $(patsubst $(LISTS)/%.txt,$(TEST_PACKAGES)/%/.installed,$(wildcard $(LISTS)/*.txt))

.PHONY: quickstart test test-slurm check install test-packages gpu-wheels clean

quickstart: $(STAMP)
	$(BIN)/energybench quickstart

# SELECT="-m 'not slurm'" leaves tests out.
test: $(STAMP) test-packages
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(SELECT)

# Tests on a real Slurm on this machine, in two processes, each with clusters of its own: most of the time is waiting.
# apt-get as root, if it is there.
# Slurm's daemons have time-outs of their own, and four nodes share the cores: a test that failed is run once more.
SLURM_PACKAGES := slurm-wlm munge slurmdbd mariadb-server openmpi-bin gcc libc6-dev libfuse3-dev pkg-config
test-slurm: $(STAMP)
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && ! dpkg -s $(SLURM_PACKAGES) >/dev/null 2>&1; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq \
	    --no-install-recommends $(SLURM_PACKAGES); fi
	$(BIN)/python -m pytest tests/cluster -m slurm -n 2 --dist loadfile || \
	  $(BIN)/python -m pytest tests/cluster -m slurm --last-failed --last-failed-no-failures none

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_contract_collectors.py tests/test_contract_workloads.py tests/test_contract_reports.py

install: $(STAMP) test-packages

# The lists name every package, so that pip asks for nothing else.
test-packages: $(PREPARED)

$(TEST_PACKAGES)/%/.installed: $(LISTS)/%.txt | $(STAMP)
	rm -rf $(@D)
	$(PIP) install -q --no-deps --target $(@D) -r $<
	cp $< $@

# torch comes first and pinned: alone, a range of versions can take a build with gigabytes of CUDA packages.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt $(shell grep '^torch==' constraints.txt)
	$(PIP) install -q -c constraints.txt setuptools wheel
	$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[all]'
	touch $@

# Wheels for benchmarks/gpu_check.sh on a machine without a network. pip takes a wheel only for the exact manylinux
# version that is named here.
GPU_PYTHON ?= 3.12
GPU_WHEELS := build/gpu-wheels
MANYLINUX := $(patsubst %,--platform manylinux%_x86_64,_2_28 _2_27 _2_26 _2_24 _2_17 2014 _2_12 2010 _2_5 1)
gpu-wheels:
	rm -rf $(GPU_WHEELS)
	$(PYTHON) -m pip --disable-pip-version-check download -q --no-deps --only-binary=:all: --implementation cp \
	  --python-version $(GPU_PYTHON) $(MANYLINUX) -c constraints.txt -r benchmarks/gpu_wheels.txt $(MORE) -d $(GPU_WHEELS)
	du -sh $(GPU_WHEELS)

clean:
	rm -rf $(VENV) $(TEST_PACKAGES) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
