# One front door. `make help` lists everything; `make demo` and `make test` do all the set-up themselves.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STACK ?= main
# the environment wins over .env; native until somebody chooses docker
RUNTIME ?= $(or $(shell sed -n 's/^RUNTIME=//p' .env 2>/dev/null),native)
# the value of a variable that was given to make itself: a shell's exported FRESH or USER means something else
given = $(if $(filter command line,$(origin $(1))),$($(1)))
# not PHASES: that is what a user gives to make demo
ALL_PHASES := phase1 phase2 phase3 phase4 phase5
DEMO_PHASES = phase1 phase2 phase3 phase4 $(if $(call given,PHASES),phase5)
NATIVE := $(BIN)/fraud-native --stack $(STACK)
COMPOSE := docker compose
# runs one of our console commands with the running stack's environment
WITH_ENV = set -a; eval "$$($(NATIVE) env)"; set +a;

# The two runtimes behind the same verbs.
BRING_UP_native = bash infra/native/bootstrap.sh && $(BIN)/fraud-native setup $(1:phase%=--phase %); $(NATIVE) up $(1:phase%=--phase %)
BRING_UP_docker = $(COMPOSE) $(1:%=--profile %) up --detach --wait
DOWN_native = if [ -x $(BIN)/fraud-native ]; then $(NATIVE) down; fi
DOWN_docker = $(COMPOSE) $(ALL_PHASES:%=--profile %) down
CLEAN_native = $(NATIVE) clean
CLEAN_docker = read -r -p "Delete all volumes of the stack? [y/N] " answer; [ "$$answer" != y ] || $(DOWN_docker) --volumes
STATUS_native = $(NATIVE) status
STATUS_docker = $(COMPOSE) ps --all
LOGS_native = $(NATIVE) logs $(SERVICE)
LOGS_docker = $(COMPOSE) logs --tail 100 $(SERVICE)
BUILD_native = bash infra/native/bootstrap.sh && $(BIN)/fraud-native setup
BUILD_docker = $(COMPOSE) $(ALL_PHASES:%=--profile %) build
SERVICE_native = $(NATIVE) $(1) $(SERVICE)
SERVICE_docker = $(COMPOSE) $(1) $(SERVICE)

# what needs the environment makes it: a fresh clone has none
status logs clean stop start restart docs api-key predict-test topics topic-tail schemas kafka-lag sql redis-features \
simulate menu scenario alert-demo validate dq dlq ledger restore-checkpoint start-over skip-lost dbt-run dbt-test \
ml-train ml-promote ml-rollback ml-history ml-backtest ml-drift ml-shadow features check: | $(BIN)/fraud-native
$(BIN)/fraud-native:
	@bash infra/native/bootstrap.sh >&2

.PHONY: help
help: ## this screen
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "%s\033[1m%s\033[0m\n", n++ ? "\n" : "", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ The two commands
.PHONY: demo test
demo: ## the whole path, an Avro message to a scored payment [DATA=file MAPPING=map.yml FRESH=1 END=hour PHASES=5]
	@bash infra/native/bootstrap.sh && $(BIN)/fraud-native setup $(DEMO_PHASES:phase%=--phase %)
	@$(NATIVE) demo $(if $(call given,DATA),--data "$(DATA)") $(if $(call given,MAPPING),--mapping "$(MAPPING)") \
		$(if $(filter 1 yes true,$(call given,FRESH)),--fresh) $(if $(call given,END),--end "$(END)") \
		$(if $(call given,PHASES),--phases "$(PHASES)")
test: ## set-up, lint, types, unit and integration tests, within their budgets
	@bash tests/run_stages.sh

##@ Bring up and down
.PHONY: setup build up down status logs clean stop start restart $(ALL_PHASES:%=%-up)
setup: ## install and cache whatever is missing (repeatable)
	@$(BUILD_native)
build: ## prepare the runtime: native set-up, or our own images under docker
	@$(BUILD_$(RUNTIME))
up: ## start phases 1 to 5
	@$(call BRING_UP_$(RUNTIME),$(ALL_PHASES))
phase1-up: ## broker, registry, and a producer that sends TRANSACTION_RATE payments a second
phase2-up: ## broker, object store, and the Bronze writer
phase3-up: ## metastore, Trino, Airflow; fraud_pipeline every 15 minutes
phase4-up: ## MLflow, Redis, feature writer, scoring API
phase5-up: ## Prometheus, Alertmanager, exporters, Superset, Grafana; and what they watch
$(ALL_PHASES:%=%-up): %-up:
	@$(call BRING_UP_$(RUNTIME),$*)
down: ## stop everything, keep the data
	@$(DOWN_$(RUNTIME))
stop: guard-SERVICE ## stop one service [SERVICE=redis]
	@$(call SERVICE_$(RUNTIME),stop)
start: guard-SERVICE ## start one service [SERVICE=redis]
	@$(call SERVICE_$(RUNTIME),start)
restart: guard-SERVICE ## restart one service [SERVICE=api]
	@$(call SERVICE_$(RUNTIME),restart)
status: ## state, version, address, user and password's place per service; newest event and rows per layer
	@$(STATUS_$(RUNTIME))
logs: ## newest log lines of all services, or of one [SERVICE=api]
	@$(LOGS_$(RUNTIME))
logs-producer: ## what the producer says
	@$(MAKE) logs SERVICE=producer
clean: ## delete all data of the stack, after asking
	@$(CLEAN_$(RUNTIME))

##@ Look and try
.PHONY: docs api-key predict-test topics topic-tail schemas kafka-lag validate dq dlq ledger restore-checkpoint start-over skip-lost sql redis-features logs-producer simulate menu scenario alert-demo
docs: ## every table and feature, lineage, runbooks: on 127.0.0.1:DOCS_PORT until Ctrl-C
	@$(NATIVE) docs
api-key: ## the bearer key of the API
	@$(NATIVE) api-key
predict-test: ## score one payment
	@$(WITH_ENV) curl --silent --show-error --fail-with-body "$$API_URL/predict" \
		-H "Authorization: Bearer $$($(NATIVE) api-key)" -H "Content-Type: application/json" \
		-d "{\"transaction_id\":\"t$$(date +%s%N)\",\"user_id\":\"U1234\",\"amount\":500,\"merchant_id\":\"M001\",\"is_international\":false}"; echo
topics: ## topics, partitions, messages
	@$(WITH_ENV) $(BIN)/fraud-producer topics
topic-tail: guard-TOPIC ## newest messages, decoded [TOPIC=transactions.raw]
	@$(WITH_ENV) $(BIN)/fraud-producer tail $(TOPIC)
schemas: ## subjects, versions, compatibility
	@$(WITH_ENV) $(BIN)/fraud-producer schemas
kafka-lag: ## how far Bronze is behind, per topic and partition
	@$(WITH_ENV) $(BIN)/fraud-stream lag
validate: ## promise P1 of every topic: offsets in, Bronze, quarantine, gaps, overlaps; lag and freshness
	@$(WITH_ENV) $(BIN)/fraud-stream validate
dq: ## freshness, repeated ids, missing ids and keys of every Bronze table
	@$(WITH_ENV) $(BIN)/fraud-stream dq
dlq: ## quarantined messages by topic and reason; what to do about them [ARGS='redrive --why "…" --reason …']
	@$(WITH_ENV) $(BIN)/fraud-stream dlq $(or $(call given,ARGS),list)
ledger: ## what became of every message sent; completes the ledger of a producer that was killed
	@$(WITH_ENV) $(BIN)/fraud-producer ledger
restore-checkpoint start-over: export REASON := $(value WHY)
restore-checkpoint: guard-WHY ## write lost or damaged checkpoints anew from the tables [WHY="the checkpoint was deleted"]
	@$(WITH_ENV) $(BIN)/fraud-stream restore-checkpoint --why "$$REASON"
start-over: guard-WHY ## remove Bronze and its checkpoints; the writer reads all topics anew [WHY="the checkpoint was deleted"]
	@$(WITH_ENV) $(BIN)/fraud-stream start-over --why "$$REASON"
skip-lost: export REASON := $(value WHY)
skip-lost: guard-WHY ## let the stopped Bronze writer go on after messages that retention removed unread [WHY="…"]
	@$(WITH_ENV) $(BIN)/fraud-stream skip-lost --why "$$REASON"
# through the environment: a shell would take the quotes, dollars and backticks of SQL for its own
sql: export QUERY := $(value Q)
sql: guard-Q ## ask Trino [Q='select count(*) from delta.bronze.transactions']
	@$(NATIVE) sql "$$QUERY"
redis-features: ## what the online store holds [USER=U0001]
	@$(WITH_ENV) $(BIN)/fraud-serving redis-features $(if $(call given,USER),--user "$(USER)")
simulate: ## send a history, a stream or a burst [ARGS='--mode burst --count 500'; ARGS=--help]
	@$(WITH_ENV) $(BIN)/fraud-producer simulate $(call given,ARGS)
menu: ## ask what to send
	@$(WITH_ENV) $(BIN)/fraud-producer menu
scenario: ## send one labelled case of fraud, or list them [NAME=velocity_burst USER=U0042]
	@$(WITH_ENV) $(BIN)/fraud-producer scenario $(if $(call given,NAME),"$(NAME)",--list) $(if $(call given,USER),--user "$(USER)")
alert-demo: ## write bad messages, watch the alert about them fire and resolve (6 min)
	@$(NATIVE) alert-demo

##@ Build by hand
.PHONY: dbt-run dbt-test ml-train ml-promote ml-rollback ml-history ml-backtest ml-drift ml-shadow features
# with the state of the pipeline's own runs, and so behind its lock: under docker both lie in Airflow's volume
DBT_native = $(WITH_ENV) phase3-transforms/dbt_project/run-dbt
DBT_docker = $(COMPOSE) exec airflow-scheduler /opt/fraud/phase3-transforms/dbt_project/run-dbt
dbt-run: ## build Silver and Gold now
	@$(DBT_$(RUNTIME)) build --exclude-resource-type test unit_test
dbt-test: ## run the dbt tests
	@$(DBT_$(RUNTIME)) test
ml-train: ## train, register and, if it earns it, promote a model
	@$(WITH_ENV) $(BIN)/fraud-training train; $(BIN)/fraud-training promote
ml-promote: ## take the waiting model through the gates [ARGS=--own-data]
	@$(WITH_ENV) $(BIN)/fraud-training promote $(call given,ARGS)
ml-rollback: export REASON := $(value WHY)
ml-rollback: ## give the champion's place back to the model before it [WHY="it misses the new pattern"]
	@$(WITH_ENV) $(BIN)/fraud-training rollback $(if $(filter command line,$(origin WHY)),--why "$$REASON")
ml-history: ## every model that was registered, promoted, refused, rolled back: when, who, why, figures
	@$(WITH_ENV) $(BIN)/fraud-training history
ml-backtest: ## how good models would have been, fold by fold over Gold [ARGS='--folds 4 --from 2026-09-01'; ARGS=--help]
	@$(WITH_ENV) $(BIN)/fraud-training backtest $(call given,ARGS)
ml-drift: ## how far the newest payments and their scores are from what the champion was calibrated on [ARGS='--days 14']
	@$(WITH_ENV) $(BIN)/fraud-training drift $(call given,ARGS)
ml-shadow: ## where the challenger would have decided otherwise than the champion [ARGS='--challenger 4']
	@$(WITH_ENV) $(BIN)/fraud-training shadow $(call given,ARGS)
features: ## print the catalogue of features, after rendering what is generated from features.py anew
	@$(BIN)/fraud-features render >&2
	@$(BIN)/fraud-features catalogue

##@ Checks
.PHONY: check test-full chaos bench-ingest bench-transforms bench-own-data ci lock $(ALL_PHASES:%=%-test)
check: ## lint, format, types, import rule, SQL, shell, locks, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy -p fraud_benchmarks -p fraud_contracts -p fraud_features -p fraud_native -p fraud_producer -p fraud_serving -p fraud_stream -p fraud_training
	@$(BIN)/lint-imports --no-cache
	@cd phase3-transforms/dbt_project && ../../$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 models tests
	@git ls-files '*.sh' '.ci/run' | xargs $(BIN)/shellcheck
	@bash infra/lock.sh --check
	@$(BIN)/fraud-features render --check
phase1-test: ## the tests of one room; also phase2-test, … phase5-test
PATHS_phase1 := phase1-ingestion
PATHS_phase2 := phase2-streaming
PATHS_phase3 := phase3-transforms
PATHS_phase4 := phase4-ml
PATHS_phase5 := phase5-analytics
$(ALL_PHASES:%=%-test): %-test: setup
	@$(BIN)/fraud-native setup --tests
	@$(BIN)/pytest $(PATHS_$*)
test-full: test ## make test, and then the longer ones
	@$(BIN)/pytest -m slow
chaos: export CHAOS_SEED := $(call given,SEED)
chaos: export CHAOS_FAULT := $(call given,FAULT)
chaos: export CHAOS_KILLS := $(call given,KILLS)
chaos: export CHAOS_REPORT := var/reports/chaos.json
chaos: ## kill, pause and break the parts of phases 1 to 3; what was lost [SEED=n FAULT=F7 KILLS=20]
	@bash infra/native/bootstrap.sh && $(BIN)/fraud-native setup --phase 1 --phase 2 --phase 3 --chaos
	@$(BIN)/pytest -m chaos tests/chaos
bench-ingest: ## ingestion against stock parts and the engines' own limits, on a stack of its own [ONLY=B1 PAIRS=7]
	@bash infra/native/bootstrap.sh && $(BIN)/fraud-native setup --phase 1 --phase 2
	@$(BIN)/fraud-benchmarks ingest $(if $(call given,ONLY),--only "$(ONLY)") $(if $(call given,PAIRS),--pairs "$(PAIRS)")
bench-transforms: ## an hour more in Silver and Gold against a full refresh, likewise [ONLY=B4 PAIRS=2 ROWS=5000000]
	@bash infra/native/bootstrap.sh && $(BIN)/fraud-native setup --phase 1 --phase 2 --phase 3
	@$(BIN)/fraud-benchmarks transforms $(if $(call given,ONLY),--only "$(ONLY)") $(if $(call given,PAIRS),--pairs "$(PAIRS)") \
		$(if $(call given,ROWS),--rows "$(ROWS)") $(if $(call given,SMALL_ROWS),--small-rows "$(SMALL_ROWS)")
bench-own-data: ## a bank's file of five columns from empty Bronze to the backtest, likewise [ROWS=2000000]
	@bash infra/native/bootstrap.sh && $(BIN)/fraud-native setup --phase 1 --phase 2 --phase 3 --phase 4
	@$(BIN)/fraud-benchmarks own-data $(if $(call given,ROWS),--rows "$(ROWS)")
ci: test ## all that CI runs
lock: ## write the lock files anew after a change of dependencies
	@bash infra/lock.sh

guard-%:
	@$(if $(value $*),:,echo "set $*=…; make help shows an example" >&2; exit 2)
