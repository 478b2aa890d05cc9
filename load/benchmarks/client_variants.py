"""The generator without a part of its work: `python -m gatebench.load.benchmarks.client_variants VARIANT PLAN FOLDER`.

What the part costs is the difference to the generator. `unchecked` looks only at the status; `unrecorded` also records nothing,
so its result counts only the offered requests.
"""

import sys
from pathlib import Path
from typing import Any

from gatebench.load.generator import main as generator_main
from gatebench.load.generator.execution import operations
from gatebench.load.generator.execution.response_check import ResponseChecker
from gatebench.load.generator.recording.recorder import SampleRecorder


def reduce(variant: str) -> None:
    """Replace the parts that this variant does without."""
    checker: Any = ResponseChecker
    checks: Any = operations
    recorder: Any = SampleRecorder
    checker.right, checks.stamps = _status_is_ok, _no_stamps
    if variant == "unrecorded":
        recorder.__init__ = _without_rows


def _status_is_ok(_checker: ResponseChecker, status: int, _body: bytes, _number: bytes) -> bool:
    return status == 200


def _no_stamps(_body: bytes) -> tuple[int, int]:
    return 0, 0


_whole_recorder: Any = SampleRecorder.__init__


def _without_rows(recorder: SampleRecorder, measured_operations: int, samples: int) -> None:
    _whole_recorder(recorder, measured_operations, samples)
    recorder.row = lambda _row: None


if __name__ == "__main__":
    reduce(sys.argv[1])
    sys.exit(generator_main.run_plan(Path(sys.argv[2]), Path(sys.argv[3])))
