# The words of this project; `make help` lists them. Everything that is missing is installed on the way.
.POSIX:
.SUFFIXES:
BUN = node_modules/@oven/bun-linux-$$(uname -m | sed 's/x86_64/x64/')/bin/bun

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | awk -F@ '{ printf "%-18s %s\n", $$1, $$2 }'

quickstart: ## from a fresh machine to a container that serves a page
	@sh install/setup.sh run daemon
	@sh install/quickstart.sh

test: ## install what tests need; types, lint and every test. USERNS=host: with user namespaces off
	@sh install/setup.sh test
	@SILO_TEST_USERNS=$${SILO_TEST_USERNS:-$(USERNS)} sh test/run.sh

chaos: ## random verbs, kills and full disks for CHAOS_SECONDS (600), from CHAOS_SEED (root)
	@sh install/setup.sh test
	@$(BUN) test/chaos/chaos.ts

big-pull: ## pull 4 GB with the network cut and the engine killed three times each (root)
	@sh install/setup.sh test
	@$(BUN) test/chaos/big-pull.ts

fresh: ## prove quickstart and test on a fresh Debian in a chroot (root, some minutes)
	@sh install/setup.sh test
	@sh test/install/fresh-machine.sh $(FRESH_WORDS)

bench: ## measure against the floor and, where present, Docker and Podman
	@sh install/setup.sh test
	@$(BUN) bench/bench.ts $(BENCH_FLAGS)

lint: ## types, lint rules, format
	@sh install/setup.sh dev
	@node_modules/.bin/tsc -p . && node_modules/.bin/oxlint . && node_modules/.bin/oxfmt --check .

fmt: ## format the sources
	@sh install/setup.sh dev
	@node_modules/.bin/oxfmt .

build: ## dist/silo, one executable, and dist/client for Node
	@sh install/setup.sh dev
	@$(BUN) install/build.ts

clean: ## remove what build and tests made
	rm -rf dist .cache

.PHONY: help quickstart test chaos fresh bench lint fmt build clean
