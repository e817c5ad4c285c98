# SPDX-License-Identifier: Apache-2.0
"""Where real captures are: FG_CAPTURES, or beside the repository. Tests that need them are skipped without."""

import os
from pathlib import Path

DIRECTORY = Path(os.environ.get("FG_CAPTURES") or Path(__file__).resolve().parents[3] / "shared" / "captures")
SKIPPED = 77  # exit code
