"""Reports to MLflow. The store itself shows which steps it has, so a killed process leaves no doubt."""

import re
from collections.abc import Iterator, Sequence
from time import time

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from posttrain.trackers.options import MlflowOptions
from posttrain.trackers.tracker import StageSummary, StepMetrics, TrackedRun

ID = "posttrain.id"
"""The tag by which a resumed stage finds its run."""

EVERY_STEP = "learning_rate"
"""A metric that every step has."""

MOST_METRICS, MOST_PARAMS, LONGEST_VALUE = 1000, 100, 500
"""MLflow's limits on one request, and on a hyper-parameter's text in its earlier versions."""


class MlflowTracker:
    """A client of an MLflow store or server."""

    def __init__(self, options: MlflowOptions) -> None:
        self._options = options
        self._client = MlflowClient(options.uri)
        self._last = 0

    def start(self, run: TrackedRun) -> int:
        """Find the run by its tag, or create it; the run's history shows the last step that it has."""
        client, name = self._client, self._options.experiment
        experiment = client.get_experiment_by_name(name)
        place = experiment.experiment_id if experiment is not None else client.create_experiment(name)
        earlier = client.search_runs([place], f"tags.`{ID}` = '{run.id}'", max_results=1)
        if earlier:
            self._run = earlier[0].info.run_id
            client.update_run(self._run, status="RUNNING")
            self._last = max((one.step for one in client.get_metric_history(self._run, EVERY_STEP)), default=0)
            return self._last
        tags = {ID: run.id, "posttrain.run": run.group}
        self._run = client.create_run(place, run_name=run.name, tags=tags).info.run_id
        params = [Param(_key(key), str(value)[:LONGEST_VALUE]) for key, value in run.config.items()]
        for start in range(0, len(params), MOST_PARAMS):
            client.log_batch(self._run, params=params[start : start + MOST_PARAMS])
        return 0

    def log(self, steps: Sequence[StepMetrics]) -> None:
        """Report whole steps; MLflow stores a request as one transaction."""
        for metrics in _requests(steps):
            self._client.log_batch(self._run, metrics=metrics)
            self._last = metrics[-1].step

    def finish(self, summary: StageSummary | None) -> None:
        """Report the final values and the verdicts, and end the run."""
        if summary is not None:
            now = int(1000 * time())
            final = [Metric(f"final/{_key(key)}", value, now, self._last) for key, value in summary.figures.items()]
            self._client.log_batch(self._run, metrics=final)
            if summary.gates:
                verdicts = "; ".join(f"{gate}: {outcome}" for gate, outcome in summary.gates.items())
                self._client.set_tag(self._run, "posttrain.gates", verdicts)
        self._client.set_terminated(self._run, "FINISHED" if summary is not None else "KILLED")


def _requests(steps: Sequence[StepMetrics]) -> Iterator[list[Metric]]:
    """The metrics of whole steps, as many as one request may hold."""
    waiting: list[Metric] = []
    for at in steps:
        own = [Metric(_key(key), value, int(1000 * at.time), at.step) for key, value in at.values.items()]
        if waiting and len(waiting) + len(own) > MOST_METRICS:
            yield waiting
            waiting = []
        waiting += own
    if waiting:
        yield waiting


def _key(name: str) -> str:
    """A name in the characters that MLflow allows."""
    return re.sub(r"[^\w\-. :/]", "_", name)
