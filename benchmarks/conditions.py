"""Under which conditions a result was measured: what stands beside every number."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from typing import Any


def conditions(command: str) -> dict[str, Any]:
    """Return the command that measures again, today's date, the machine, and the versions of what is measured."""
    from tuner.runs import versions

    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
    }
