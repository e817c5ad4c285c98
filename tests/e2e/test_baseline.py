# SPDX-License-Identifier: Apache-2.0
"""`baseline`: it works on the database that the daemon would use, and a dry run changes nothing."""
import json
import subprocess

import pytest

from fglab.flowguard import DONE, FAILED, PROGRAM
from test_analyze import conversation, pcap


def baseline(*arguments, config=None, code=DONE):
    options = ["--config", config] if config else []
    done = subprocess.run([PROGRAM, "--instance", "e2e-baseline", *options, "--json", "baseline", *map(str, arguments)],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "before.pcap"
    path.write_bytes(pcap(conversation(), step_ms=1000))
    return path


def test_the_state_directory_of_the_configuration_is_used(tmp_path, capture):
    state, config = tmp_path / "state", tmp_path / "flowguard.toml"
    config.write_text(f'state_dir = "{state}"\n')
    baseline("learn", capture, config=config)
    assert (state / "state.db").exists()
    assert json.loads(baseline("show", config=config).stdout)["watched_seconds"] > 0


def test_a_dry_run_makes_nothing_and_mends_nothing(tmp_path, capture):
    absent, notes = tmp_path / "absent.db", tmp_path / "notes.txt"
    notes.write_text("no database\n" * 100)
    assert not json.loads(baseline("reset", "--dry-run", "--state", absent).stdout)["changed"]
    baseline("reset", "--dry-run", "--state", notes, code=FAILED)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["before.pcap", "notes.txt"]
    known = tmp_path / "known.db"
    baseline("learn", capture, "--state", known)
    before = json.loads(baseline("show", "--state", known).stdout)
    assert json.loads(baseline("reset", "--dry-run", "--state", known).stdout) == {"changed": True, "dry_run": True}
    assert json.loads(baseline("show", "--state", known).stdout) == before
    assert json.loads(baseline("reset", "--state", known).stdout)["changed"]
    assert json.loads(baseline("show", "--state", known).stdout)["watched_seconds"] == 0


def test_a_directory_is_no_baseline(tmp_path):
    complaint = baseline("import", tmp_path, "--state", tmp_path / "state.db", code=FAILED).stderr
    assert "Is a directory" in complaint and str(tmp_path) in complaint
