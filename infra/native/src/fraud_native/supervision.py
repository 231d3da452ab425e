"""Runs supervisor for one stack and speaks with it over its socket."""

import contextlib
import hashlib
import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from supervisor.xmlrpc import SupervisorTransport

from fraud_native.launch import is_alive
from fraud_native.paths import COMMANDS, Stack
from fraud_native.process_spec import Component

# a Unix socket's path may not be longer
_SOCKET_PATH_LIMIT: Final = 100
_START_SECONDS: Final = 15
_RUNNING: Final = frozenset({"STARTING", "RUNNING", "BACKOFF", "STOPPING"})
_EXITED: Final = re.compile(r" exited: (\S+) \(")


class SupervisorError(RuntimeError):
    """Supervisor did not start, or refused a call."""


@dataclass(frozen=True, slots=True)
class State:
    """What supervisor says of one process; ``started_at`` is in seconds since the epoch."""

    name: str
    status: str
    pid: int
    started_at: float
    exit_code: int

    @property
    def is_running(self) -> bool:
        """Whether a process exists, or will again by itself."""
        return self.status in _RUNNING

    @property
    def is_done(self) -> bool:
        """Whether it ran to its end without an error."""
        return self.status == "EXITED" and self.exit_code == 0


class Supervisor:
    """The supervisor of one stack; it may be used from several threads."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.config_file = stack.run / "supervisord.conf"
        self.pid_file = stack.run / "supervisord.pid"
        self.log_file = stack.log / "supervisord.log"

    @property
    def socket_file(self) -> Path:
        path = self._stack.run / "supervisor.sock"
        if len(str(path)) < _SOCKET_PATH_LIMIT:
            return path
        short = hashlib.sha256(str(path).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"fraud-watch-{os.geteuid()}-{short}.sock"

    @property
    def pid(self) -> int | None:
        """Process id of supervisor itself, None when it does not answer."""
        try:
            return int(self._call("getPID"))
        except (OSError, http.client.HTTPException):
            return None

    def is_alive(self) -> bool:
        return self.pid is not None

    def start(self, components: list[Component]) -> None:
        """Starts supervisor with these programs, all stopped, or teaches a running one those it does not know.

        Raises:
            SupervisorError: it does not answer.
        """
        self._stack.run.mkdir(parents=True, exist_ok=True)
        self._stack.log.mkdir(parents=True, exist_ok=True)
        self.config_file.touch(mode=0o600)
        self.config_file.write_text(self._config(components), encoding="utf-8")
        if self.is_alive():
            added, changed, removed = self._call("reloadConfig")[0]
            for name in [*changed, *removed]:
                self._call("stopProcessGroup", name)
                self._call("removeProcessGroup", name)
            for name in [*added, *changed]:
                self._call("addProcessGroup", name)
            return
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        done = subprocess.run(
            [str(COMMANDS / "supervisord"), "-c", str(self.config_file)],
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}
            | {name: os.environ[name] for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME") if name in os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_alive():
            if done.returncode or time.monotonic() > deadline:
                raise SupervisorError(f"supervisord did not start: {done.stdout}{done.stderr} see {self.log_file}")
            time.sleep(0.05)

    def states(self) -> dict[str, State]:
        """The state of every program; empty when supervisor does not run."""
        try:
            return {info["name"]: _state(info) for info in self._call("getAllProcessInfo")}
        except (OSError, http.client.HTTPException):
            return {}

    def state(self, name: str) -> State:
        return _state(self._call("getProcessInfo", name))

    def start_process(self, name: str) -> None:
        """Starts a program without waiting for anything."""
        self._call("startProcess", name, False)

    def stop_process(self, name: str) -> None:
        """Stops a program and waits until its process is gone; nothing happens when it does not run."""
        if self.state(name).is_running:
            try:
                self._call("stopProcess", name, True)
            except SupervisorError:
                # it ended by itself between the two calls
                if self.state(name).is_running:
                    raise

    def kill(self, name: str) -> int:
        """Ends a program and its children with SIGKILL and returns the id that the program had.

        Raises:
            SupervisorError: it does not run.
        """
        if not (pid := self.state(name).pid):
            raise SupervisorError(f"{name} does not run")
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return pid

    def shutdown(self) -> None:
        """Ends supervisor itself, and with it whatever still runs."""
        if (pid := self.pid) is None:
            return
        self._call("shutdown")
        while is_alive(pid):
            time.sleep(0.05)

    def restarts(self) -> dict[str, int]:
        """How often each service has ended without being told to, since supervisor started."""
        counts: dict[str, int] = {}
        if self.log_file.exists():
            for name in _EXITED.findall(self.log_file.read_text(encoding="utf-8", errors="replace")):
                counts[name] = counts.get(name, 0) + 1
        return counts

    def _call(self, method: str, *arguments: Any) -> Any:
        # the address is never looked at: the transport goes to the socket
        transport = SupervisorTransport(None, None, f"unix://{self.socket_file}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            try:
                return getattr(server.supervisor, method)(*arguments)
            except xmlrpc.client.Fault as fault:
                raise SupervisorError(f"{method} {' '.join(map(str, arguments))}: {fault.faultString}") from fault

    def _config(self, components: list[Component]) -> str:
        sections = [
            "[unix_http_server]",
            f"file={self.socket_file}",
            "chmod=0700",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[supervisord]",
            f"pidfile={self.pid_file}",
            f"logfile={self.log_file}",
            "logfile_maxbytes=0",
            f"childlogdir={self._stack.log}",
            "umask=077",
        ]
        for component in components:
            sections += self._program(component)
        return "\n".join(line.replace("%", "%%") for line in sections) + "\n"

    def _program(self, component: Component) -> list[str]:
        # A one-shot may end at once, and is never started again by itself.
        kind = (
            ["autorestart=false", "startsecs=0", "startretries=0"]
            if component.service.one_shot
            else ["autorestart=true", "startsecs=1", "startretries=10"]
        )
        return [
            f"[program:{component.name}]",
            f'command="{sys.executable}" -m fraud_native.launch "{component.spec_file}"',
            "autostart=false",
            *kind,
            f"stopsignal={component.native.stop_signal}",
            f"stopwaitsecs={component.native.stop_seconds}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={self._stack.log_file(component.name)}",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
        ]


def _state(info: dict[str, Any]) -> State:
    return State(info["name"], info["statename"], info["pid"], float(info["start"]), info["exitstatus"])
