#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""evaluate_generated.py FLOWGUARD [--seed N] [--floors FILE]: makes the fast suite of labelled traffic, and evaluates it.

Minutes of each benign profile, and each attack once. Another seed is other traffic.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flowguard", help="the program")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--floors", type=Path, help="JSON of what must not get worse")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        made = [sys.executable, HERE / "generate" / "run.py", "--fast-suite", "--seed", str(options.seed), "-o", directory]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        floors = ["--floors", options.floors] if options.floors else []
        return subprocess.run([sys.executable, HERE / "evaluate.py", options.flowguard, directory, *floors]).returncode


if __name__ == "__main__":
    sys.exit(main())
