#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What a kernel must be able to do: checks.py BUILD_DIRECTORY, as root, on the kernel in question.

Prints results as lines "name=value" as they come, "trouble=sentence" for each failure, and "end=ok" or "end=failed" last.
Everything else goes to standard error.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FIRST_SUPPORTED = (6, 1)
TESTS_TIMEOUT_S = 150


def report(name, value):
    print(f"{name}={value}", flush=True)


def result_of(test):
    if test["result"] == "SKIPPED":
        return "skipped"
    return "failed" if test.get("failures") else "passed"


def packet_tables(build):
    """The programs, loaded by the product's own code, with made-up packets; reports passed/failed/skipped."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "results.json"
        done = subprocess.run([build / "tests/bpf/bpf_test", f"--gtest_output=json:{path}"], stdin=subprocess.DEVNULL,
                              stdout=sys.stderr, timeout=TESTS_TIMEOUT_S)
        assert path.exists(), f"bpf_test ended with {done.returncode}, and without results"
        suites = json.loads(path.read_text())["testsuites"]
    results = {f"{suite['name']}.{test['name']}": result_of(test) for suite in suites for test in suite["testsuite"]}
    counts = [list(results.values()).count(word) for word in ("passed", "failed", "skipped")]
    report("tests", "/".join(map(str, counts)))
    failed = [name for name, result in results.items() if result == "failed"]
    assert not failed, f"bpf_test: {', '.join(failed)}"
    assert counts[0] > 0 and done.returncode == 0, f"bpf_test ended with {done.returncode}; {counts[0]} tests passed"


def attempt(check, *arguments):
    """True if it succeeded."""
    try:
        check(*arguments)
        return True
    except Exception as error:  # whatever it is, the other checks go on
        traceback.print_exc()
        report("trouble", " ".join(str(error).split()) or type(error).__name__)
        return False


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    os.environ["FLOWGUARD"] = str(build / "userspace/cli/flowguard")
    sys.path[:0] = [str(REPOSITORY / "tests/netns")]
    import live
    import refusal

    release = os.uname().release
    report("kernel", release)
    if tuple(int(part) for part in release.split(".")[:2]) < FIRST_SUPPORTED:
        done = [attempt(refusal.check, report)]
    else:
        done = [attempt(live.check, report, mode) for mode in live.MODES]
        report("live", "ok" if all(done) else "failed")
        done.append(attempt(packet_tables, build))
    report("end", "ok" if all(done) else "failed")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
