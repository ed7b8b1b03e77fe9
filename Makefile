# The same verbs for people and for CI (.ci/run).
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Tools are built from the module .ci/tools, which pins them, into the clone.
BIN := $(CURDIR)/.cache/bin

NODE_MODULES := web/ui/node_modules/.package-lock.json

# The tests of the whole system fill two cores by themselves, so the packages go first.
# CHAOS=1 puts a pass of the chaos among them.
TIMEOUT  ?= 30m
CHAOS    ?= 0
PACKAGES  = $(shell go list ./... | grep -vx confab) ./.ci/testsummary
FUZZTIME ?= 20s

# How many times every fault of the chaos comes: one pass is its short form, some four
# minutes for both modes. Seed 0 draws one and prints it.
PASSES        ?= 1
SEED          ?= 0
CHAOS_TIMEOUT ?= 12h

EVENTS ?= 1000000

.PHONY: help
help: ## List the verbs
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 16

.PHONY: run
run: ## Run the server on :8080; it needs nothing but Go
	go run .

.PHONY: setup
setup: ## Install what the tests need, or say what is missing
	@.ci/setup

.PHONY: test
test: setup ## Run all tests with the race detector, with CHAOS=1 the chaos, too
	@{ failed=0; \
	   go test -race -json -timeout $(TIMEOUT) $(PACKAGES) 2>&1 || failed=1; \
	   go test -race -json -timeout $(TIMEOUT) . -args -chaos.passes=$(CHAOS) -chaos.seed=$(SEED) 2>&1 || failed=1; \
	   exit $$failed; } | go run ./.ci/testsummary -show '^((TestChaos|TestUI_budget)(/|$$)|TestBrowser_[a-z]+$$)'

.PHONY: chaos
chaos: setup ## Break everything under load and count, PASSES (1) times; SEED repeats a run
	go test -race -count 1 -v -run '^TestChaos$$' -timeout $(CHAOS_TIMEOUT) . -args -chaos.seed=$(SEED) -chaos.passes=$(PASSES)

.PHONY: deep
deep: setup ## Resume a room of EVENTS (1000000) from its first event on, and one of 5000 with 100 clients at once
	go test -count 1 -v -run '^TestResume_' -timeout 30m . -args -deep.events=$(EVENTS) -deep.clients=100

.PHONY: fuzz
fuzz: ## Fuzz every decoder for FUZZTIME (20s)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do \
	   grep -ohE '^func Fuzz[A-Za-z0-9_]+' "$$dir"/*_test.go | sed 's/func //' | while read -r name; do \
	     go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir"; done; done

.PHONY: bench
bench: setup ## Measure: `confab bench`, small, and the Go benchmarks
	go run . bench --scale=0.1 --time=2s
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: rebuild-check
rebuild-check: ## Show that the views, made again from the archive, come out equal
	go test -race -run 'Rebuild|rebuild' -v . ./projector/...

.PHONY: ui
ui: ui-lint ## Lint and test the browser's app and build web/ui/dist, which is committed; needs Node
	cd web/ui && npm test && env -u NODE_ENV npm run build

.PHONY: ui-dev
ui-dev: $(NODE_MODULES) ## The app on :5173 as it is edited, before a server run with CONFAB_ORIGINS=http://localhost:5173
	cd web/ui && npm run dev

.PHONY: ui-lint
ui-lint: $(NODE_MODULES)
	cd web/ui && npm run lint && npm run format:check && npm run typecheck

.PHONY: e2e
e2e: setup ## Run the tests in browsers only, of those files whose name contains FILES
	go test -race -count 1 -v -run '^TestBrowser_' -timeout $(TIMEOUT) . -args -browser.tests=$(FILES)

.PHONY: screenshots
screenshots: setup ## Make the README's pictures of the app, in web/ui/screenshots
	go test -count 1 -run '^TestBrowser_embedded$$' . -args -browser.mode=screenshots -browser.big=1

# What is installed is fresh when npm has noted it after the lock file changed.
$(NODE_MODULES): web/ui/package-lock.json
	cd web/ui && npm ci --no-audit --no-fund
	@touch $@

.PHONY: lint
lint: tools ui-lint ## Format, vet, linters, module files, known vulnerabilities; the app's linters, format and types
	@unformatted=$$(git ls-files --cached --others --exclude-standard '*.go' | xargs gofmt -l); \
	 [ -z "$$unformatted" ] || { echo "not formatted, run make fmt: $$unformatted"; exit 1; }
	go vet ./... ./.ci/testsummary
	$(BIN)/golangci-lint run ./... ./.ci/testsummary
	go mod verify
	go mod tidy -diff
	@.ci/vulncheck $(BIN)/govulncheck ./...

.PHONY: tools
tools:
	@cd .ci/tools && GOBIN=$(BIN) go install tool

.PHONY: fmt
fmt: ## Format the code
	git ls-files --cached --others --exclude-standard '*.go' | xargs gofmt -w

.PHONY: up
up: ## Start the cluster of compose.yaml on http://localhost:8080
	docker compose up --build --detach --wait

.PHONY: down
down: ## Stop the cluster; its data stays in volumes
	docker compose down
