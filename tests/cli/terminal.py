"""A pseudo-terminal of a given width that runs a command as a real process, and what the process printed."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len

ROOT = Path(__file__).parent.parent.parent
P2C = (sys.executable, "-c", "from p2c.cli import main; main()")
DEMO = (sys.executable, "-m", "demo")
CTRL_C = b"\x03"
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_]")
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Makes standard input the controlling terminal, so that Ctrl-C becomes SIGINT, and turns into the command."""
_LIMIT = 120.0
"""Seconds after which a process that does not end is killed: a hang is a failed test."""


@dataclass(frozen=True)
class Printed:
    """How a process ended, and all that it wrote, escape sequences included."""

    code: int
    raw: str

    @property
    def lines(self) -> list[str]:
        """Every line as drawn, without escape sequences; what a live display drew and erased is among them."""
        drawn = (part for line in self.raw.split("\n") for part in line.split("\r"))
        return [_ESCAPE.sub("", part) for part in drawn]

    @property
    def text(self) -> str:
        """The lines that hold something, without the blanks at their ends."""
        return "\n".join(line.rstrip() for line in self.lines if line.strip())

    @property
    def unwrapped(self) -> str:
        """The text with single blanks for all white space, to find sentences that are wrapped."""
        return " ".join(self.text.split())

    def wider_than(self, columns: int) -> list[str]:
        """The lines that do not fit."""
        return [line for line in self.lines if cell_len(line.rstrip()) > columns]


def on_terminal(
    command: Sequence[str], *, columns: int, environment: Mapping[str, str], interrupt_at: str = ""
) -> Printed:
    """Runs a command on a terminal that is so wide; presses Ctrl-C when it has printed `interrupt_at`."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    launcher = (sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL)
    with subprocess.Popen(
        [*launcher, *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=ROOT,
        env=_environment(environment),
        start_new_session=True,
    ) as process:
        os.close(slave)
        try:
            raw = _read(master, interrupt_at)
        finally:
            if process.poll() is None and not _ends(process):
                process.kill()
            os.close(master)
    return Printed(process.returncode, raw)


def in_pipe(command: Sequence[str], environment: Mapping[str, str]) -> Printed:
    """Runs a command whose output is read by another program; both streams together."""
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=_environment(environment),
        timeout=_LIMIT,
        check=False,
    )
    return Printed(ran.returncode, ran.stdout.decode())


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of an ordinary terminal, with nothing of p2c's but what is given."""
    left_out = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("P2C_") and name not in left_out}
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **more}


def _read(master: int, interrupt_at: str) -> str:
    """All that arrives until the process closes its side; presses Ctrl-C once on the way."""
    received = bytearray()
    pressed = not interrupt_at
    end = time.monotonic() + _LIMIT
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 1.0)
        if not ready:
            continue
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        received += chunk
        if not pressed and interrupt_at in _ESCAPE.sub("", received.decode(errors="ignore")):
            pressed = True
            os.write(master, CTRL_C)
    return received.decode()


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process, whose output has ended, ends too."""
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        return False
    return True
