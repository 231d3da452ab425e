"""The steps of `make demo`, in order, and the report they fill."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from fraud_contracts import GOLD, TRANSACTIONS
from fraud_native import layers
from fraud_native.demo.airflow import Airflow
from fraud_native.demo.commands import Commands
from fraud_native.demo.options import DemoOptions
from fraud_native.demo.report import Report
from fraud_native.launcher import Launcher

# what the report says of a model; without a champion these are empty and `reason` says why
MODEL_KEYS = (
    *("name", "version", "alias", "train_period", "test_period", "auc", "average_precision"),
    *("card_precision_at_100", "detection_rate_at_fpr_0_5_percent", "baseline_average_precision"),
)
PIPELINE = "fraud_pipeline"
TRAINING = "model_training"
# what `fraud-producer newest` calls the source of payments that are not a file's
SIMULATOR = "simulator"
# the demo feeds a history of its own, and the API starts once there is a model
HELD_BACK = ("producer", "api")
# millions of rows of a file land in minutes
BRONZE_WAIT_SECONDS = 1800
# as long as the DAGs themselves give their runs
PIPELINE_WAIT_SECONDS = 2 * 3600
TRAINING_WAIT_SECONDS = 4 * 3600


class DemoError(RuntimeError):
    """The demo cannot do what it was asked for; the message says why and what to do."""


@dataclass(slots=True)
class Demo:
    """One run of the demo against a stack."""

    stack: Launcher
    options: DemoOptions
    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> Report:
        """Runs every step and returns the report that was also written to ``reports/demo.json``."""
        began = time.monotonic()
        if self.options.fresh:
            with self._step("start over"):
                self.stack.wipe()
        self.stack.stack.hold_pipeline("the demo drives")
        try:
            report = self._steps()
        finally:
            self.stack.stack.pipeline_hold.unlink(missing_ok=True)
        self.seconds["all"] = time.monotonic() - began
        report["seconds"] = {step: round(seconds, 1) for step, seconds in self.seconds.items()}
        path = self.stack.var / "reports" / "demo.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        return report

    def bring_up_watchers(self, own_data: bool) -> None:
        """Brings phase 5 up, with live payments to look at unless the history is somebody's own."""
        self.stack.up([5], without=("producer",) if own_data else ())
        if own_data:
            self._say("the producer stays stopped: it would mix simulated payments into yours")

    def _steps(self) -> Report:
        with self._step("bring up"):
            self.stack.up([1, 2, 3, 4], without=HELD_BACK)
            # one that runs already would go on filling the topics while the demo counts them
            self.stack.stop("producer")
        env = self.stack.env()
        commands = Commands(self.stack.commands, {**os.environ, **env}, self.stack.watch, self._say)
        with self._step("history"):
            held = self._feed_history(commands)
            own_data = held["source"] != SIMULATOR
            self._check_label_delay(held, env)
        with self._step("land in Bronze"):
            self._wait_for_bronze(commands)
        user, password = env["AIRFLOW_ADMIN_USER"], env["AIRFLOW_ADMIN_PASSWORD"]
        with Airflow(env["AIRFLOW_URL"], user, password, self.stack.watch) as airflow:
            with self._step(PIPELINE):
                pipeline_run = self._run_dag(airflow, PIPELINE, PIPELINE_WAIT_SECONDS)
            with self._step(TRAINING):
                self._run_dag(airflow, TRAINING, TRAINING_WAIT_SECONDS, {"own_data": own_data})
        model = dict.fromkeys(MODEL_KEYS) | commands.json("fraud-training", "show")
        with self._step("online features"):
            commands.json("fraud-serving", "backlog", "--wait", str(BRONZE_WAIT_SECONDS))
        with self._step("start the API"):
            self.stack.start("api")
        with self._step("live payments"):
            predict = self._send_live_payments(commands)
        with self._step("prove conservation"):
            conservation = self._wait_for_bronze(commands)
        online = commands.json("fraud-serving", "redis-features")
        if self.options.watched:
            with self._step("bring up phase 5"):
                # the decisions of just now; the pipeline's next run would bring them only in a quarter of an hour
                commands.run(f"{env['DBT_PROJECT_DIR']}/run-dbt", "run", "--select", "mart_decisions+")
                self.bring_up_watchers(own_data)
        return {
            "runtime": "native",
            "components": self.stack.components(),
            "conservation": conservation,
            "dag_run": pipeline_run,
            "gold": {table.name: table.rows for table in layers.tables(env, GOLD)},
            "model": model,
            "redis": {key: online[key] for key in ("user_keys", "merchant_keys")},
            "predict": predict,
            "decisions_logged": layers.decisions(env).rows,
        }

    def _feed_history(self, commands: Commands) -> dict[str, Any]:
        """Feeds the history unless all of it is there; returns what `fraud-producer newest` says of it then.

        Raises:
            DemoError: the topics hold something else than what was asked for.
        """
        held = self._newest(commands)
        if held["event_time"] is None:
            return self._send_history(commands)
        source: str | None = held["source"]
        if source is None:
            raise DemoError(f"{TRANSACTIONS.name} holds payments that `make demo` did not send: FRESH=1 starts over")
        if self.options.data and source != str(self.options.data.resolve()):
            raise DemoError(
                f"{TRANSACTIONS.name} holds payments of {source}, not of {self.options.data}: FRESH=1 starts over"
            )
        if not held["complete"]:
            if source != SIMULATOR and not self.options.data:
                raise DemoError(
                    f"the history of {source} was sent only in part: name it with DATA= and MAPPING= to go on with it; "
                    "FRESH=1 starts over"
                )
            self._say(f"history ends at {held['event_time']} and is not complete: going on with it")
            return self._send_history(commands)
        if source != SIMULATOR and not held["held_back_left"]:
            raise DemoError(f"{source} has no payments left to send live: FRESH=1 starts over")
        self._say(f"history is kept: {TRANSACTIONS.name} reaches to {held['event_time']}; FRESH=1 starts over")
        if self.options.end:
            self._say("END= has no effect on a history that is there")
        return held

    def _newest(self, commands: Commands) -> dict[str, Any]:
        return commands.json("fraud-producer", "newest", "--topic", TRANSACTIONS.name)

    def _send_history(self, commands: Commands) -> dict[str, Any]:
        options = self.options
        if options.data:
            # the newest rows of the file are not history: they are sent as live payments
            live = round(options.live_seconds * options.live_rate)
            command = ["replay", str(options.data), "--mapping", str(options.mapping), "--hold-back", str(live)]
        else:
            command = ["simulate", "--days", str(options.days), "--transactions", str(options.transactions)]
            if options.end is not None:
                command += ["--end", options.end.isoformat()]
            if options.customers is not None:
                command += ["--customers", str(options.customers)]
            if options.fraud_rate is not None:
                command += ["--fraud-rate", str(options.fraud_rate)]
        commands.run("fraud-producer", *command)
        return self._newest(commands)

    def _check_label_delay(self, held: dict[str, Any], env: dict[str, str]) -> None:
        maturity = float(env["FRAUD_FEATURES_LABEL_MATURITY_DAYS"])
        if (delay := held["label_delay_days"] or 0) > maturity:
            self._say(
                f"labels arrive after {delay:g} days, but FRAUD_FEATURES_LABEL_MATURITY_DAYS is {maturity:g}: younger "
                "fraud is learned as good; set it in .env and run make demo FRESH=1 again"
            )

    def _wait_for_bronze(self, commands: Commands) -> dict[str, Any]:
        path = self.stack.var / "reports" / "conservation.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        commands.run("fraud-stream", "conservation", "--wait", str(BRONZE_WAIT_SECONDS), "--json", str(path))
        conservation: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return conservation

    def _run_dag(
        self, airflow: Airflow, dag_id: str, seconds: float, conf: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        airflow.wait_for_dag(dag_id, 120)
        run_id = airflow.trigger(dag_id, conf)

        def progress(task: str, state: str) -> None:
            self._say(f"{dag_id}: {task} {state}")

        return airflow.wait(dag_id, run_id, seconds, progress).as_dict()

    def _send_live_payments(self, commands: Commands) -> dict[str, Any]:
        predict = commands.json(
            "fraud-producer",
            "traffic",
            *("--seconds", str(self.options.live_seconds), "--rate", str(self.options.live_rate)),
        )
        if predict["errors"] or not predict["requests"]:
            raise DemoError(
                f"{predict['errors']} of {predict['requests']} live payments were not scored; the first of them: "
                f"{predict.get('first_error') or 'none was sent'}; see make logs SERVICE=api"
            )
        return predict

    def _say(self, line: str) -> None:
        self.console.print(f"    {line}", style="dim", highlight=False, markup=False)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self.console.print(f"[bold]==> {name}[/bold]")
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began
        self.console.print(f"    {name}: {self.seconds[name]:.0f} s", style="green")
