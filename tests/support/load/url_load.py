"""`gatebench load` on a URL: the command with its output, and tokens of two users of a server that is not gatebench's."""

from pathlib import Path

import pytest

from gatebench import cli
from gatebench.load.results.report_model import LoadReport

ALICE, BOB = "tok_alice_0123456789", "tok_bob_9876543210"
USERS = {ALICE: "alice", BOB: "bob"}
TOOL = ["--tool", "weather", "--args", '{"city": "Oslo"}']
SHORT = ["--seconds", "2", "--rate", "15"]


class LoadCommand:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder / "out", capsys

    def __call__(self, *arguments: str) -> int:
        capsys, self.status = self._capsys, cli.main(["load", *arguments, "--out", str(self.folder)])
        self.out, self.err = capsys.readouterr()
        return self.status

    @property
    def report(self) -> LoadReport:
        return LoadReport.model_validate_json((self.folder / "load.json").read_bytes())

    @property
    def written(self) -> str:
        return "".join(path.read_text() for path in self.folder.iterdir()) + self.out + self.err
