"""Marks of time that several processes write to one file, whose order shows where a command's time goes.

Off unless ``BENCH_TRACE`` names the file. The clock is the machine's monotonic one: the same for all processes.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Plugin
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)

VARIABLE = "BENCH_TRACE"
Mark = tuple[int, str]
_file: int | None = None


def to(path: Path) -> None:
    """From here on this process writes its marks to ``path``."""
    global _file
    _file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


if named := os.environ.get(VARIABLE):
    to(Path(named))


def mark(name: str) -> None:
    """Writes that ``name`` happens now; one write call, so that lines of several processes never mix."""
    if _file is not None:
        os.write(_file, f"{time.monotonic_ns()} {name}\n".encode())


def read(path: Path) -> list[Mark]:
    """All marks, by time."""
    lines = (line.split(" ", 1) for line in path.read_text().splitlines())
    return sorted((int(at), name) for at, name in lines)


class _Activity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        mark("write<")
        try:
            return await self.next.execute_activity(input)
        finally:
            mark("write>")


class _Interceptor(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activity(next)


class _Instance:
    """A workflow instance whose turns are marked."""

    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        mark("turn<")
        completion = self._inner.activate(act)
        mark("turn>")
        return completion

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Runner(WorkflowRunner):
    def __init__(self, inner: WorkflowRunner) -> None:
        self._inner = inner

    def prepare_workflow(self, defn: Any) -> None:
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance: Any = _Instance(self._inner.create_instance(det))
        return instance  # type: ignore[no-any-return]

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        self._inner.set_worker_level_failure_exception_types(types)


def _marked(runner: WorkflowRunner | None) -> WorkflowRunner:
    assert runner is not None
    return _Runner(runner)


def plugins() -> Sequence[Plugin]:
    """For a client: workers made with it mark turns of workflows and writes of activities. Nothing when off."""
    if _file is None:
        return ()
    return (SimplePlugin("bench", interceptors=[_Interceptor()], workflow_runner=_marked),)
