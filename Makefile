# Two commands matter: `make demo` runs the main job, `make test` passes the tests.
# Everything they need is set up on the way; `make install` does only that.

BIN := .venv/bin
DATA ?= data/demo

.DEFAULT_GOAL := help
.PHONY: help install browser demo serve test check format science cite fuzz chaos load catalog validation docs image-test soak audit release compose-test lock clean

help: ## Say what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: .venv/.installed ## Make .venv (PYTHON=… names an interpreter)

.venv/.installed: requirements-dev.lock pyproject.toml .ci/install
	@PYTHON="$(PYTHON)" bash .ci/install

browser: docker/browser/dist/index.html ## Build STAC Browser for /browser (with Node.js and npm)

docker/browser/dist/index.html: $(addprefix docker/browser/,build.sh package-lock.json config.js basemaps.config.js)
	@docker/browser/build.sh

demo: install ## Make a world, downscale it through HTTP, show the maps (DATA=… says where)
	@$(BIN)/vadose demo --data $(DATA) $(DEMO)

serve: install ## Start the service on ./data
	@$(BIN)/vadose serve

test: install ## Run every test, with branch coverage
	@$(MAKE) --silent browser || echo 'vadose: without STAC Browser its tests are skipped' >&2
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PYTEST)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --format=total | sed 's/.*/branch coverage: &%/'

check: install ## Lint, types, layers, dependencies, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@$(BIN)/codespell

format: install ## Put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

cite: install ## Run the OGC's own test suite (CITE_JAR=… names it, ROUNDS=… repeats it)
	@$(BIN)/python tests/cite/run.py $(ROUNDS)

science: install ## Score the method on worlds whose truth is known (PRESET=… SEED=… SECTIONS=…)
	@MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 \
	  $(BIN)/python tests/benchmarks/science --preset $(or $(PRESET),henan) --seed $(or $(SEED),7) \
	  $(if $(SECTIONS),--sections $(SECTIONS)) $(SCIENCE)

bench: install ## Say how fast it is, beside what people would use instead (QUICK=1 takes minutes)
	@$(BIN)/python tests/benchmarks/speed $(if $(QUICK),--quick) $(BENCH)

fuzz: install ## Fuzz the API by its own description (CASES=… per operation)
	@CASES=$(or $(CASES),200) $(BIN)/python -m pytest --no-header -q -s tests/processes/test_fuzz.py

chaos: install ## Kill every part of the service while it works (ROUNDS=… times; CHAOS=--quick as in CI)
	@$(BIN)/python tests/chaos/run.py $(or $(ROUNDS),20) $(CHAOS)

load: install ## Load the service and say how quickly it answers (LOAD=--database=postgresql)
	@$(BIN)/python tests/benchmarks/load.py $(LOAD)

catalog: install ## Search, extend and rebuild a catalogue of 10,000 items (ITEMS=…)
	@$(BIN)/python tests/benchmarks/catalog.py --items $(or $(ITEMS),10000)

image-test: install ## Build the image, start, use and stop it (needs a Docker engine; IMAGE_TEST=--twice)
	@$(BIN)/python tests/docker/image.py $(IMAGE_TEST)

compose-test: install ## Run a job with the profiles of Compose (PROFILES=…; needs the image)
	@$(BIN)/python tests/docker/profiles.py $(or $(PROFILES),demo postgresql s3 dask nginx)

soak: install ## Run 5,000 short jobs (JOBS=…), see that nothing grows or is lost (SOAK=--seconds=…)
	@$(BIN)/python tests/soak/run.py $(or $(JOBS),5000) $(SOAK)

audit: install ## Known weaknesses of packages, code and Dockerfiles (AUDIT=--offline)
	@$(BIN)/python tests/audit.py $(AUDIT)

release: install ## Wheel, source archive, parts list and, with a Docker engine, the image, into dist/
	@PATH="$(abspath $(BIN)):$$PATH" docker/release.sh

validation: install ## Validate noise of a province, 57 and 1,000 stations, within 60 and 300 seconds
	@$(BIN)/python tests/benchmarks/validation.py --stations 57 --months 44
	@$(BIN)/python tests/benchmarks/validation.py --stations 1000 --months 60 --hourly \
	  --most-seconds 300

docs: install ## Build the documentation to build/docs, its tutorial executed
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'build/docs/index.html'

lock: ## Renew both lock files (UV=… names uv)
	$(or $(UV),uv) pip compile pyproject.toml --universal --generate-hashes --no-header --quiet \
	  $(LOCK) -o requirements.lock
	$(or $(UV),uv) pip compile pyproject.toml --group dev -c requirements.lock --universal \
	  --generate-hashes --no-header --quiet $(LOCK) -o requirements-dev.lock

clean: ## Remove what can be made again (never data/)
	@rm -rf .venv .venv-uv build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache
