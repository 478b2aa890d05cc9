"""Runs as their users start them: side by side, failing, interrupted, killed."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from target_bench import gateway
from whole_run import LONG, SMALL, WholeRun, until


def verdicts(run: WholeRun) -> list[dict[str, object]]:
    text = (run.folder / "out" / "verdicts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_two_side_by_side(tmp_path: Path) -> None:
    runs = [WholeRun(tmp_path / name, *SMALL) for name in ("one", "other")]
    statuses = [run.finish() for run in runs]
    assert statuses == [0, 0], runs[0].output + runs[1].output
    sheets = []
    for run in runs:
        run.assert_nothing_is_left()
        lines = run.lines()
        assert (lines[-1]["kind"], lines[-1]["complete"]) == ("footer", True)
        assert lines[-1]["lines"] == len(lines)
        assert verdicts(run)[-1]["kind"] == "footer"
        assert {line["outcome"] for line in verdicts(run) if line["kind"] == "judgement"} == {"pass"}
        sheets.append(next(line["sheet"] for line in lines if line["kind"] == "world"))
    one, other = sheets
    for url in (other["gateway"]["base_url"], *(upstream["url"] for upstream in other["upstreams"].values())):
        assert url not in runs[0].transcript.read_text(encoding="utf-8")
    assert one["run"] not in runs[1].transcript.read_text(encoding="utf-8")


def test_a_gateway_that_cannot_be_judged(tmp_path: Path) -> None:
    path = gateway(tmp_path, "print('no licence for', world['gateway']['admin_token']); sys.exit(4)")
    run = WholeRun(tmp_path / "run", *SMALL, "--target", str(path))
    assert run.finish() == 2
    assert f"gatebench: the gateway exited with status 4 before it was ready: {path}, command " in run.output
    assert "last output: no licence for «admin»" in run.output
    run.assert_nothing_is_left()
    assert (run.lines()[-1]["kind"], run.lines()[-1]["complete"]) == ("footer", False)
    assert "no licence for «admin»" in str(verdicts(run)[-1]["stopped"])


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[signal.Signals, WholeRun]]:
    """One run for each way of ending it in the middle, all at once."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    runs = {number: WholeRun(tmp_path_factory.mktemp(number.name), *LONG) for number in numbers}
    try:
        for number, run in runs.items():
            until(run.begun)
            assert len(run.processes()) >= 3, "pytest, the supervisor and the gateway"
            if number is signal.SIGINT:
                run.signal_all(number)  # Ctrl-C
            else:
                run.process.send_signal(number)
        for run in runs.values():
            assert run.finish() != 0
        yield runs
    finally:
        for run in runs.values():
            run.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_in_the_middle(stopped: dict[signal.Signals, WholeRun], number: signal.Signals) -> None:
    run = stopped[number]
    run.assert_nothing_is_left()
    lines = run.lines()
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert any(line["kind"] == "judgement" for line in verdicts(run)), "what was judged until then is kept"
    if number is not signal.SIGINT:
        assert "footer" not in {line["kind"] for line in lines}, "recognisably cut off"


def test_a_run_that_is_interrupted_is_not_complete(stopped: dict[signal.Signals, WholeRun]) -> None:
    footer = stopped[signal.SIGINT].lines()[-1]
    assert (footer["kind"], footer["complete"]) == ("footer", False)
