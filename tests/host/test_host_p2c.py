"""The real app on the host: it loads, every function is there, and it answers."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from p2c.templates.load import builtin_templates
from sandbox.host import Host
from sandbox.host.functions import BusTrigger, HttpTrigger, TimerTrigger
from sandbox.host.settings import read_local_settings
from tests.host.conftest import Start
