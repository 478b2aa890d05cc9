"""The notice that the kill matrix is outdated: its last whole trial ran on another tree. Few imports: it is called often."""

import json

from gatebench.conformance.selftest.kill_matrix import digest, files

WIDTH = 100


def notice() -> str:
    """Return a notice of a few lines; "" if every fault has had a whole run in this tree."""
    now = digest.current()
    data = json.loads(files.MATRIX.read_text(encoding="utf-8"))
    last = (data.get("whole") or {}).get("digest")
    if last == now.tree:
        return ""
    known = {name: row.get("whole") or {} for name, row in data["faults"].items()}
    new = [name for name, own in now.faults.items() if known.get(name, {}).get("fault") != own]
    unplayed = sum(name not in known for name in now.faults)
    lines = [
        f"THE KILL MATRIX IS OLDER THAN THIS TREE (its whole runs: {last or 'none yet'}; this tree: {now.tree}).",
        "Checks, scenarios, faults or what plays them have changed since. Whether every fault is still caught is not known.",
        f"{len(new)} of {len(now.faults)} faults are new or changed, and have had no whole run as they are.",
        *([f"{unplayed} of them have not been played at all."] if unplayed else []),
        "Run `make kill-matrix FULL=1` before an issue is resolved, and commit what it writes.",
    ]
    return "\n".join(["=" * WIDTH, *lines, "=" * WIDTH])
