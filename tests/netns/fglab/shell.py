# SPDX-License-Identifier: Apache-2.0
"""Commands that must succeed, and their output."""
import json
import subprocess

TIMEOUT_S = 60


def run(*command, check=True, **options):
    """Runs a command to its end; its output is text."""
    options.setdefault("timeout", TIMEOUT_S)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, **options)
    if check and done.returncode != 0:
        words = " ".join(map(str, command))
        raise AssertionError(f"{words}: exit code {done.returncode}: {done.stderr or done.stdout}")
    return done


def output(*command):
    return run(*command).stdout


def output_json(*command):
    return json.loads(output(*command) or "[]")
