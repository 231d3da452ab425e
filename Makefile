# One front door. `make help` lists everything; `make demo` and `make test` do all the set-up themselves.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STACK ?= main
RUNTIME ?= $(or $(shell sed -n 's/^RUNTIME=//p' .env 2>/dev/null),native)
NATIVE := $(BIN)/fraud-native --stack $(STACK)
# runs one of our console commands with the running stack's environment
WITH_ENV = set -a; eval "$$($(NATIVE) env)"; set +a;
export STACK RUNTIME

PHASES := phase1 phase2 phase3 phase4

.PHONY: help
help: ## this screen
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-zA-Z0-9_%|-]+:.*## / {printf "  \033[36m%-22s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo

##@ The two commands
.PHONY: demo
demo: setup ## the whole path, from an Avro message to a scored payment [DATA=file MAPPING=map.yml FRESH=1 END=hour]
	@$(NATIVE) demo $(if $(DATA),--data "$(DATA)") $(if $(MAPPING),--mapping "$(MAPPING)") $(if $(FRESH),--fresh) $(if $(END),--end "$(END)")

.PHONY: test
test: ## set-up, lint, types, unit and integration tests, within their budgets
	@bash tests/run_stages.sh

##@ Bring up and down
.PHONY: setup build up down status logs clean
setup: ## install and cache whatever is missing (repeatable)
	@bash infra/native/bootstrap.sh
	@$(BIN)/fraud-native setup

ifeq ($(RUNTIME),docker)
COMPOSE := docker compose
build: ## build our own images (docker) or the native set-up
	@$(COMPOSE) $(PHASES:%=--profile %) build
up: ## start phases 1 to 4
	@$(COMPOSE) $(PHASES:%=--profile %) up --detach --wait
down: ## stop everything, keep the data
	@$(COMPOSE) $(PHASES:%=--profile %) down
status: ## state, version, address and secret's place of every service; newest event and rows per layer
	@$(COMPOSE) ps --all
logs: ## logs of all services or of one [SERVICE=]
	@$(COMPOSE) logs --follow --tail 100 $(SERVICE)
$(PHASES:%=%-up): %-up:
	@$(COMPOSE) --profile $* up --detach --wait
stop start restart: guard-SERVICE
	@$(COMPOSE) $@ $(SERVICE)
else
build: setup
up: setup ## start phases 1 to 4
	@$(NATIVE) up --phase 1 --phase 2 --phase 3 --phase 4
down: ## stop everything, keep the data
	@if [ -x $(BIN)/fraud-native ]; then $(NATIVE) down; fi
status: setup ## state, version, address and secret's place of every service; newest event and rows per layer
	@$(NATIVE) status
logs: ## logs of all services or of one [SERVICE=]
	@$(NATIVE) logs $(SERVICE)
$(PHASES:%=%-up): phase%-up:
	@bash infra/native/bootstrap.sh
	@$(BIN)/fraud-native setup --phase $*
	@$(NATIVE) up --phase $*
stop start restart: guard-SERVICE
	@$(NATIVE) $@ $(SERVICE)
endif
clean: ## delete all data of the stack, after asking
	@$(NATIVE) clean

##@ Phases and services
.PHONY: $(PHASES:%=%-up) stop start restart
# help: phaseN-up and the service verbs are defined above, once per runtime
phaseN-up: ## phase1-up … phase4-up: what that phase needs and no more
	@echo "name the phase: $(PHASES:%=%-up)"; exit 2
phaseN-test: ## phase1-test … phase4-test: the tests of one room
	@echo "name the phase: $(PHASES:%=%-test)"; exit 2
stop|start|restart: ## one service [SERVICE=]
	@exit 2

##@ Checks
.PHONY: check lint test-full ci lock
check: ## lint, format, types, import rule, SQL, shell, locks, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy -p fraud_contracts -p fraud_features -p fraud_native -p fraud_producer -p fraud_serving -p fraud_stream -p fraud_training
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/sqlfluff lint --nofail-on-warnings --disable-progress-bar phase3-transforms/dbt_project/models phase3-transforms/dbt_project/tests
	@git ls-files '*.sh' '.ci/run' | xargs $(BIN)/shellcheck
	@bash infra/lock.sh --check
	@$(BIN)/fraud-features render --check
test-full: setup ## make test, and the longer ones
	@bash tests/run_stages.sh
	@$(BIN)/pytest -m slow
ci: test ## all that CI runs
lock: ## write the lock files anew after a change of dependencies
	@bash infra/lock.sh

PATHS_phase1 := phase1-ingestion
PATHS_phase2 := phase2-streaming
PATHS_phase3 := phase3-transforms
PATHS_phase4 := phase4-ml
.PHONY: $(PHASES:%=%-test)
$(PHASES:%=%-test): %-test: setup
	@$(BIN)/pytest $(PATHS_$*)

##@ Look and try
.PHONY: api-key logs-producer ml-train predict-test dbt-run dbt-test kafka-lag redis-features topics topic-tail schemas sql
api-key: ## the bearer key of the API
	@$(NATIVE) api-key
logs-producer: ## what the producer says
	@$(MAKE) logs SERVICE=producer
ml-train: ## train, register and, if it is good enough, promote a model
	@$(WITH_ENV) $(BIN)/fraud-training train; $(BIN)/fraud-training promote
predict-test: ## score one payment
	@$(WITH_ENV) curl --silent --show-error --fail-with-body "$$API_URL/predict" \
		-H "Authorization: Bearer $$($(NATIVE) api-key)" -H "Content-Type: application/json" \
		-d '{"transaction_id":"t'$$(date +%s%N)'","user_id":"U1234","amount":500,"merchant_id":"M001","is_international":false}'; echo
dbt-run: ## build Silver and Gold now
	@$(WITH_ENV) $(DBT) build --exclude-resource-type test unit_test
dbt-test: ## run the dbt tests
	@$(WITH_ENV) $(DBT) test
kafka-lag: ## how far Bronze is behind, per topic and partition
	@$(WITH_ENV) $(BIN)/fraud-stream lag
redis-features: ## what the online store holds [USER=U0001]
	@$(WITH_ENV) $(BIN)/fraud-serving redis-features $(if $(filter command line,$(origin USER)),--user "$(USER)")
topics: ## topics, partitions, messages
	@$(WITH_ENV) $(BIN)/fraud-producer topics
topic-tail: guard-TOPIC ## newest messages, decoded [TOPIC=transactions.raw]
	@$(WITH_ENV) $(BIN)/fraud-producer tail $(TOPIC)
schemas: ## subjects, versions, compatibility
	@$(WITH_ENV) $(BIN)/fraud-producer schemas
sql: guard-Q ## ask Trino [Q='select count(*) from delta.bronze.transactions']
	@$(NATIVE) sql "$(Q)"

DBT := $(BIN)/dbt --no-use-colors

guard-%:
	@if [ -z "$($*)" ]; then echo "set $*=…, see make help" >&2; exit 2; fi
