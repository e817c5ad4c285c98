#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What a kernel must be able to do: checks.py BUILD_DIRECTORY, as root, on the kernel in question.

Prints results as lines "name=value" as they come, "trouble=sentence" for each failure, and "end=ok" or "end=failed"
last. Everything else goes to standard error.
"""
import contextlib
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FIRST_SUPPORTED = (6, 1)
TESTS_TIMEOUT_S = 200
# Each loads the programs anew, which emulation makes slow: some of every kind are enough to see that this kernel takes them.
PACKET_TABLES = ("DatapathTest.*:BlockTest.*:BlocklistTest.APrefix*:BlocklistTest.AnInner*:OverflowTest.AFlood*:"
                 "OverflowTest.Known*:RulesTest.GiveTheVerdict*:RulesTest.EachSource*:TunnelTest.IsCounted*")


def report(name, value):
    print(f"{name}={value}", flush=True)


def result_of(test):
    if test["result"] != "COMPLETED":
        return "skipped"
    return "failed" if test.get("failures") else "passed"


@contextlib.contextmanager
def packet_tables(build):
    """
    The programs, loaded by the product's own code, with made-up packets, beside what is done in the meantime. Gives a
    function that waits for the end, reports passed/failed/skipped, and fails if a test has.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "results.json"
        command = [build / "tests/bpf/bpf_test", "--gtest_color=no", f"--gtest_filter={PACKET_TABLES}",
                   f"--gtest_output=json:{path}"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) as tests:
            try:
                yield lambda: judge(tests.wait(TESTS_TIMEOUT_S), path)
            finally:
                tests.kill()


def judge(code, path):
    assert path.exists(), f"bpf_test ended with {code}, and without results"
    suites = json.loads(path.read_text())["testsuites"]
    results = {f"{suite['name']}.{test['name']}": result_of(test) for suite in suites for test in suite["testsuite"]
               if test["status"] == "RUN"}
    counts = [list(results.values()).count(word) for word in ("passed", "failed", "skipped")]
    report("tests", "/".join(map(str, counts)))
    failed = [name for name, result in results.items() if result == "failed"]
    assert not failed, f"bpf_test: {', '.join(failed)}"
    assert counts[0] > 0 and code == 0, f"bpf_test ended with {code}; {counts[0]} tests passed"
    ran = [name for name, result in results.items() if result != "skipped"]
    idle = [pattern for pattern in PACKET_TABLES.split(":") if not fnmatch.filter(ran, pattern)]
    assert not idle, f"bpf_test: no test ran that is called {' or '.join(idle)}"


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
        with packet_tables(build) as finish:
            done = [attempt(live.check, report, mode) for mode in live.MODES]
            report("live", "ok" if all(done) else "failed")
            done.append(attempt(finish))
    report("end", "ok" if all(done) else "failed")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
