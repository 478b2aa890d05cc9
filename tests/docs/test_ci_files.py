"""The action and the component for CI: what docs/how-to/ci.md shows of them, and what their scripts do."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from tests.support.source.documents import ALL, ROOT, TIMEOUT, environment

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
COMPONENT = list(yaml.safe_load_all((ROOT / "templates" / "gatebench.yml").read_text(encoding="utf-8")))
STEPS = {step.get("id", step.get("name")): step for step in ACTION["runs"]["steps"]}


def test_workflow_uses_inputs_of_the_action() -> None:
    (block,) = (block for block in ALL if block.language == "yaml" and "jobs:" in block.text)
    used = yaml.safe_load(block.text)["jobs"]["conformance"]["steps"][-1]["with"]
    assert used.keys() <= ACTION["inputs"].keys()
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == ACTION["inputs"].keys()
    scripts = [step["run"] for step in STEPS.values() if "run" in step]
    assert not [script for script in scripts if "${{" in script]  # an input is data, never a part of a script


def test_examples_name_the_current_version() -> None:
    text = (ROOT / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")
    assert set(re.findall(r"gatebench(?:\.git)?@v([\w.]+)", text)) == {VERSION}
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_pipeline_uses_inputs_of_the_component() -> None:
    (block,) = (block for block in ALL if block.language == "yaml" and "component:" in block.text)
    used = yaml.safe_load(block.text)["include"][0]["inputs"]
    inputs, job = COMPONENT
    assert used.keys() <= inputs["spec"]["inputs"].keys()
    text = (ROOT / "templates" / "gatebench.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == inputs["spec"]["inputs"].keys()
    assert not [line for line in job["gatebench"]["script"] if "inputs." in line]  # an input is data


def test_script_of_the_component_keeps_the_exit_status(tmp_path: Path) -> None:
    (tmp_path / ".gatebench").symlink_to(Path(sys.executable).parent.parent)
    *_, script = COMPONENT[1]["gatebench"]["script"]
    done = subprocess.run(  # noqa: S603 - our own component
        ["/bin/sh", "-e", "-c", script],
        cwd=tmp_path,
        env=environment(
            GATEBENCH_TARGET="reference", GATEBENCH_ARGUMENTS="-m access -k 'ACC-999 and 2026'", GATEBENCH_OUT="report"
        ),
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr  # nothing is selected: 2, not the 1 of findings


def test_step_of_the_action_writes_outputs_and_summary(tmp_path: Path) -> None:
    (tmp_path / "gatebench").symlink_to(Path(sys.executable).parent.parent)
    out, summary = tmp_path / "outputs", tmp_path / "summary"
    done = subprocess.run(  # noqa: S603 - our own action
        ["/bin/bash", "-e", "-o", "pipefail", "-c", STEPS["run"]["run"]],
        cwd=tmp_path,
        env=environment(
            RUNNER_TEMP=str(tmp_path),
            GITHUB_STEP_SUMMARY=str(summary),
            GITHUB_OUTPUT=str(out),
            TARGET="reference",
            ARGUMENTS="-m access -k 'ACC-003 and 2026'",
            OUT="gatebench-report",
            ANNOTATIONS="true",
        ),
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.read_text() == "conclusion=conformant\nstatus=0\n"
    assert summary.read_text(encoding="utf-8").startswith("## gatebench reference gateway")
