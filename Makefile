# Thin: each target is a few commands. One cargo profile (release), one target directory, always the whole workspace,
# so that features are the same everywhere and RocksDB's C++ is compiled once.

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
BUF    := @bufbuild/buf@1.75.0

.DEFAULT_GOAL := help
.PHONY: setup demo test bench profile lint generate help

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Check what the build needs; install what is missing, or name the command
	@sh deploy/setup.sh

demo: setup ## From a reading to a verified certificate (READINGS=file.csv takes your own readings)
	@echo 'Builds Touchstone, then shows one year of readings become one certificate that is verified offline.'
	@echo 'A first build takes about 40 minutes on 2 cores: it compiles the C++ of RocksDB, once. Later builds take seconds.'
	$(CARGO) build --release --workspace --bins
	$(TARGET)/release/touchstone-demo $(if $(READINGS),--readings "$$READINGS")

test: setup ## All tests (the first time builds for about 40 minutes on 2 cores)
	$(CARGO) build --release --workspace --bins
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		set -ex; $(CARGO) nextest run --release --workspace --no-fail-fast; $(CARGO) test --release --workspace --doc; \
	else \
		set -x; $(CARGO) test --release --workspace --no-fail-fast; \
	fi
	$(CARGO) run --quiet --release -p footprint --example digits > $(TARGET)/digits.release
	$(CARGO) run --quiet -p footprint --example digits > $(TARGET)/digits.debug
	cmp $(TARGET)/digits.release $(TARGET)/digits.debug

bench: setup ## Measurements, to target/bench/summary.json (ONLY=name,name takes a part, QUICK=1 smaller sizes)
	$(CARGO) build --release --workspace --bins
	ONLY="$(ONLY)" QUICK="$(QUICK)" $(TARGET)/release/touchstone-bench

profile: setup ## Flame graphs of the server under the loads of the measurements, to target/bench/
	$(CARGO) build --release --workspace --bins
	ONLY="$(ONLY)" QUICK="$(QUICK)" PROFILE=1 $(TARGET)/release/touchstone-bench

lint: setup ## Formatting, clippy, the rules of the wire definitions, generated code in step
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	cd proto && npx --yes $(BUF) lint
	$(CARGO) test --release --workspace --test drift

generate: ## Write the code generated from the wire definitions, and the help texts
	UPDATE_GENERATED=1 $(CARGO) test --release --workspace --test drift
	$(CARGO) build --release --workspace --bins
	UPDATE_GENERATED=1 $(CARGO) test --release --workspace --test help
