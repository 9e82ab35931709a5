"""What a cold start costs: seconds and memory to import `function_app` and index it, in new processes.

`python -m benchmarks.cold_start [--runs 5]` prints the median of some starts, the first one (without compiled files in
the cache of the system) left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_START = """
import json, resource, time
begin = time.perf_counter()
import function_app
imported = time.perf_counter()
functions = len(function_app.app.get_functions())
indexed = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"import": imported - begin, "index": indexed - imported, "peak": peak, "functions": functions}))
"""


def start() -> dict[str, float]:
    """One start: seconds to import and to index, peak memory in MB, the number of functions."""
    done = subprocess.run([sys.executable, "-c", _START], cwd=ROOT, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return {str(name): float(value) for name, value in found.items()}


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description="Seconds and memory of a cold start.")
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    start()
    starts = [start() for _ in range(runs)]
    median = {name: statistics.median(one[name] for one in starts) for name in starts[0]}
    print(f"{median['functions']:.0f} functions, median of {runs} starts")
    print(f"import {median['import']:.2f} s, index {median['index']:.3f} s, peak {median['peak']:.0f} MB")


if __name__ == "__main__":
    main()
