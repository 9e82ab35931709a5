"""A small host for function apps on one machine: Microsoft's worker library runs the functions, the rest stands in."""

from sandbox.host.errors import HostError
from sandbox.host.host import Host
from sandbox.host.invocations import Invocation
from sandbox.host.keys import Keys
from sandbox.host.process import LogLine

__all__ = ["Host", "HostError", "Invocation", "Keys", "LogLine"]
