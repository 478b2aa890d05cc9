"""Extensions: a package from the template is used as a folder and as an installed package; its findings are in every format."""

import json
import os
import shutil
from pathlib import Path

import pytest

from gatebench import cli
from gatebench.conformance.pytest_plugin import validation
from gatebench.conformance.selftest.support.processes import command
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.extensions import folders
from gatebench.fixtures.gateways import lookup
from gatebench.load.profiles import profiles
from gatebench.reports.conformance.formats import annotations

ROOT = Path(__file__).parents[2]
FAULT = "faulty:texts-of-digits-become-numbers"
TEXT_FORMATS = (
    "report.json",
    "report.html",
    "report.md",
    "report.sarif",
    "report.har",
    "junit.xml",
    "verdicts.jsonl",
    "acme.csv",
)


def gatebench(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    done = command.gatebench(folder, *arguments, **variables)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extension")
    assert gatebench(folder, "new", "extension", "acme")[0] == 0
    return folder


@pytest.fixture(scope="module")
def package(home: Path) -> Path:
    return home / "gatebench-acme" / "src" / "gatebench_acme"


@pytest.fixture(scope="module")
def evidence(home: Path, package: Path) -> Path:
    """A run of a gateway that violates the extension's requirement, with the extension named by its folder."""
    chosen = ("-k", "ACME-001", "--extension", str(package), "--alluredir", "allure", "-n", "2")
    status, output = gatebench(home, "run", FAULT, *chosen, "--out", "evidence")
    assert (status, "ACME-001" in output) == (1, True), output
    (home / "terminal.txt").write_text(output, encoding="utf-8")
    return home / "evidence"


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_findings_of_an_extension_are_in_every_file_of_the_report(name: str, evidence: Path) -> None:
    assert "ACME-001" in (evidence / name).read_text(encoding="utf-8")


def test_findings_of_an_extension_are_on_the_terminal_in_annotations_and_in_allure(evidence: Path) -> None:
    home = evidence.parent
    assert "received other arguments than those of" in (home / "terminal.txt").read_text(encoding="utf-8")
    report = json.loads((evidence / "report.json").read_text(encoding="utf-8"))
    assert any("ACME-001" in line for line in annotations.lines(report))
    results = [json.loads(path.read_text(encoding="utf-8")) for path in (home / "allure").glob("*-result.json")]
    assert {one["status"] for one in results if one["name"].startswith("ACME-001")} == {"failed"}
    (finding,) = report["findings"]
    assert (finding["requirement"], finding["reproduce"] != "") == ("ACME-001", True)


def test_every_format_of_gatebench_is_tested(evidence: Path) -> None:
    formats = set(validation.formats())
    without_names = {"badge.svg"}  # counts of outcomes
    assert formats - without_names < set(TEXT_FORMATS)
    assert "fail" in (evidence / "badge.svg").read_text(encoding="utf-8")


def test_a_run_with_an_extension_is_judged_again_compared_and_reported(evidence: Path, package: Path) -> None:
    named = ("--extension", str(package))
    status, output = gatebench(evidence.parent, "judge", "evidence", *named)
    assert (status, "ACME-001" in output) == (1, True), output
    assert gatebench(evidence.parent, "compare", "evidence", "evidence", *named)[0] == 0
    status, output = gatebench(evidence.parent, "report", "evidence")  # formats of gatebench need no extension
    assert (status, "ACME-001" in output) == (1, True), output


def test_an_installed_package_is_found_by_its_entry_point(home: Path, package: Path, tmp_path: Path) -> None:
    facts = tmp_path / "gatebench_acme-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: gatebench-acme\nVersion: 0.1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[gatebench.extensions]\nacme = gatebench_acme\n", encoding="utf-8")
    found = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, tmp_path, package.parent)))}
    status, output = gatebench(home, "explain", "ACME-001", **found)
    assert (status, "The arguments of a call reach the server" in output) == (0, True), output
    chosen = ("-k", "(ACME-001 or VAR-001 or VAR-004) and 2025-11-25", "-n", "2", "--out", "installed")
    status, output = gatebench(home, "run", "reference", *chosen, **found)
    report = json.loads((home / "installed" / "report.json").read_text(encoding="utf-8"))
    outcomes = {one["id"]: one["outcome"] for one in report["requirements"]}
    assert status == 0, output
    assert [outcomes[name] for name in ("ACME-001", "VAR-001", "VAR-004")] == ["pass"] * 3
    broken = home / "broken"
    shutil.copytree(tmp_path, broken)
    (broken / facts.name / "entry_points.txt").write_text(
        "[gatebench.extensions]\nacme = acme_gone\n", encoding="utf-8"
    )
    status, output = gatebench(home, "list", PYTHONPATH=os.pathsep.join(map(str, (ROOT, broken))))
    assert status == 2
    assert output == (
        "gatebench: the package gatebench-acme: its entry point acme = 'acme_gone' in gatebench.extensions names no package; "
        "repair or uninstall it\n"
    )


def test_extensions_of_the_configuration_bring_gateways_and_profiles(home: Path, package: Path) -> None:
    gateways = package / "gateways"
    gateways.mkdir()
    shutil.copy(ROOT / "fixtures/gateways/doubles/reference.toml", gateways / "acme-gateway.toml")
    manifest = package / "extension.toml"
    usual = manifest.read_text(encoding="utf-8")
    manifest.write_text(usual.replace("# gateways", "gateways"), encoding="utf-8")
    try:
        (home / "gatebench.toml").write_text(f'target = "acme-gateway"\nextension = ["{package}"]\n', encoding="utf-8")
        assert "acme-calls" in gatebench(home, "load", "list")[1]
        status, output = gatebench(home, "run", "-k", "ACME-001 and 2025-11-25", "--out", "named")
        report = json.loads((home / "named" / "report.json").read_text(encoding="utf-8"))
        assert (status, report["target"]) == (0, "acme-gateway"), output
    finally:
        manifest.write_text(usual, encoding="utf-8")
        (home / "gatebench.toml").unlink()


# -- bad input: one sentence that names file and key, status 2


def edit(package: Path, file: str, before: str, after: str) -> None:
    path = package / file.replace("GROUP", package.name.removeprefix("gatebench_"))
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


REQUIREMENTS, SCENARIOS, MANIFEST = "requirements/GROUP.toml", "scenarios/test_GROUP.py", "extension.toml"
BAD = {
    "unknown-key": (MANIFEST, "checks =", "check =", "extension.toml: check is an unknown key; did you mean checks?"),
    "no-folder": (MANIFEST, '"scenarios"', '"scenes"', "extension.toml: scenarios names 'scenes', which is no folder"),
    "other-name": (MANIFEST, 'name = "', 'name = "gatebench" # ', "'gatebench' is the name of another extension"),
    "no-user": (
        MANIFEST,
        "# [users]",
        "users = 1 #",
        "extension.toml: formats.users is wrong: input should be a valid",
    ),
    "no-format": (
        MANIFEST,
        "formats:write",
        "formats:absent",
        "'gatebench_no_format.formats:absent', and gatebench_no_format.formats has no attribute absent",
    ),
    "no-syntax": (
        "checks/GROUP.py",
        "def ",
        "deff ",
        "checks needs the module gatebench_no_syntax.checks.no_syntax, which cannot be imported (SyntaxError",
    ),
    "no-import": (
        SCENARIOS,
        "import pytest",
        "import pytest, acme_absent",
        "which cannot be imported (ModuleNotFoundError: No module named 'acme_absent')",
    ),
    "no-name": (SCENARIOS, "in_each_era, judged", "in_no_era, judged", "cannot import name 'in_no_era'"),
    "no-requirement": (
        SCENARIOS,
        "NORE-001",
        "NORE-002",
        "test_no_requirement_arguments is judged by NORE-002, which is not in the registry",
    ),
    "no-check": (
        REQUIREMENTS,
        '"arguments_arrive"',
        '"arguments_go"',
        "requirements/no_check.toml: NOCH-001 names the check arguments_go, which is not in",
    ),
    "id-twice": (REQUIREMENTS, "IDTW-001", "CRED-001", "id_twice.toml: the id CRED-001 is in the registry twice"),
    "bad-level": (
        REQUIREMENTS,
        '"MUST"',
        '"MUSTN"',
        "bad_level.toml: requirement.0.level is wrong: 'MUSTN' is not a valid value; did you mean MUST",
    ),
    "bad-variant": (
        "variants.toml",
        "framing",
        "frames",
        "the upstream bad-variant-body-until-close has the unknown habit 'frames'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_extension_is_refused_with_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "extension", name, "-q"]) == 0
    package = tmp_path / f"gatebench-{name}" / "src" / f"gatebench_{name.replace('-', '_')}"
    *change, sentence = BAD[name]
    edit(package, *change)
    assert cli.main(["run", "--extension", str(package)]) == 2
    output = capfd.readouterr().err
    assert sentence in output
    assert (output.count("\n"), "Traceback" in output) == (1, False)
    assert str(package) in output or package.name in output
    assert folders.VARIABLE not in os.environ


def test_names_that_gatebench_has_already_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "extension", "namesake", "-q"]) == 0
    package = tmp_path / "gatebench-namesake" / "src" / "gatebench_namesake"
    (package / "gateways").mkdir()
    (package / "gateways" / "nginx.toml").touch()
    edit(package, MANIFEST, "# gateways", "gateways")
    edit(package, "profiles.toml", "namesake-calls", "steady")
    (package / "scenarios" / "test_namesake.py").rename(package / "scenarios" / "test_access.py")
    monkeypatch.setenv(folders.VARIABLE, str(package))
    for read, sentence in (
        (lookup.shipped, "the gateway 'nginx' exists already, in the extension gatebench; rename it"),
        (profiles.load, "the load profile 'steady' exists already"),
        (validation.check, "the module of scenarios 'access' exists already"),
    ):
        with pytest.raises(BenchError, match=sentence) as raised:
            read()
        assert str(package / "extension.toml") in str(raised.value)


def test_new_extension_refuses_other_names_and_folders_with_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "extension", "Acme Corp"]) == 2
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert cli.main(["new", "extension", "acme", "--out", "full"]) == 2
    assert capfd.readouterr().err == (
        "gatebench: 'Acme Corp' is no name of an extension; write lower-case letters, digits and dashes, such as acme\n"
        "gatebench: full exists already; name another folder with --out\n"
    )
