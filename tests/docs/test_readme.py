"""Every command of README.md and docs/ works as documented. Each section runs in a folder of its own."""

import ast
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from gatebench.conformance.requirements.features import claims_of
from gatebench.documentation.all_pages import CONTENTS, pages
from gatebench.fixtures.gateways import descriptor_loader
from tests.support.source.code_blocks import RUNNABLE, Block, anchors
from tests.support.source.documents import ALL, DOCUMENTS, REFERENCE, ROOT, TIMEOUT, WRITTEN, environment

SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
HOOK = ROOT / SITE["hooks"][0]
SLOW = os.environ.get("GATEBENCH_README") == "slow"  # the sections with slow blocks, in place of the others
KINDS = ("quick", "checkout", "slow") if SLOW else ("quick", "checkout")
ADDRESS, BASE, TOKEN = "http://127.0.0.1:4000/mcp/docs", "http://127.0.0.1:4000", "..."

SECTIONS = {
    (block.document, block.section): [b for b in ALL if (b.document, b.section) == (block.document, block.section)]
    for block in ALL
    if (block.kind == "slow" if SLOW else block.kind in KINDS)
}


class SectionRun:
    """The blocks of one section, executed in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._replaced: dict[str, str] = {}

    def read(self, block: Block) -> None:
        """Write the file of a block, or run its commands."""
        if block.file:
            (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / block.file).write_text(block.text, encoding="utf-8")
        if block.language not in RUNNABLE or block.kind not in KINDS:
            return
        if block.context == "gateway":
            with self._running_gateway():
                self._run(block)
        elif block.context == "world" and "gatebench world" in block.text:
            self._start_and_stop(block.commands[0])
        elif block.context == "world":
            with self._running_gateway(json.loads((self.folder / "world.json").read_text(encoding="utf-8"))):
                self._run(block)
        elif block.context == "serve":
            self._start_and_stop(block.commands[0])
        else:
            self._run(block)

    def _run(self, block: Block) -> None:
        script = "\n".join(block.commands)
        for old, new in self._replaced.items():
            script = script.replace(old, new)
        *first, last = script.split("\n")
        if block.status is None:
            ended = [f"{line} || [[ $? == [124] ]]" for line in (*first, last)]
        else:
            ended = [*first, "status=0", f"{last} || status=$?", f"[[ $status == {block.status} ]]"]
        whole = "\n".join(["set -euo pipefail", *ended])
        process = subprocess.Popen(  # noqa: S603 - our own documents
            ["/bin/bash", "-c", whole],
            cwd=ROOT if block.kind == "checkout" else self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(timeout=TIMEOUT)
        finally:  # a test that is interrupted leaves no command behind
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                process.communicate()
        assert process.returncode == 0, f"{script}\n{output}\n{errors}"

    def _start_and_stop(self, command: str) -> None:
        """Start a server, wait for its first line of output, and end it with Ctrl-C."""
        with serving(command, self.folder) as said:
            assert said

    @contextmanager
    def _running_gateway(self, sheet: dict[str, object] | None = None) -> Iterator[None]:
        """Serve a gateway that the user started, with a world behind it unless the run starts its own."""
        world = self.folder / "world.json"
        if sheet is None:
            with serving("gatebench world --save world.json", self.folder), self._gateway(world, "calculator"):
                yield
        else:
            with self._gateway(world, "{server}"):
                yield

    @contextmanager
    def _gateway(self, world: Path, server: str) -> Iterator[None]:
        sheet_of_the_world = json.loads(world.read_text(encoding="utf-8"))
        base = sheet_of_the_world["gateway"]["base_url"]
        self._replaced = {
            ADDRESS: f"{base}/api/llm/mcp/{server}/server",
            BASE: base,
            "{base_url}/mcp/{server}": "{base_url}/api/llm/mcp/{server}/server",
            f"={TOKEN}": f"={sheet_of_the_world['principals']['alice']['tokens'][0]}",
        }
        with serving(f"gatebench gateway --world {world}", self.folder):
            yield


@contextmanager
def serving(command: str, folder: Path) -> Iterator[str]:
    """Run a server until the block ends; yield its first line of output. It ends after Ctrl-C."""
    process = subprocess.Popen(  # noqa: S603 - our own documents
        ["/bin/bash", "-c", f"exec {command}"],
        cwd=folder,
        env=environment(PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert process.stdout
    reader = threading.Thread(target=process.stdout.read)  # a full pipe would stop the command
    try:
        first = process.stdout.readline()
        assert first, f"{command} said nothing and ended with {process.wait()}"
        reader.start()
        yield first
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        finally:
            process.kill()
            if reader.ident:
                reader.join()
            process.stdout.close()


@pytest.mark.parametrize(
    "section", SECTIONS, ids=lambda section: "-".join(re.sub(r"\W+", "-", part) for part in section)
)
def test_commands_of_a_section(section: tuple[str, str], tmp_path: Path) -> None:
    builder = SectionRun(tmp_path)
    for block in SECTIONS[section]:
        builder.read(block)


def test_every_block_of_commands_is_marked() -> None:
    unmarked = [f"{block.document}, {block.section}" for block in ALL if block.language in RUNNABLE and not block.kind]
    assert not unmarked
    assert {block.kind for block in ALL} <= {"", "quick", "slow", "checkout", "ci", "in", "no"}


def test_blocks_that_are_not_run_have_a_reason() -> None:
    for block in ALL:
        if block.kind == "no":
            assert len(block.mark.partition(",")[2]) > 10, block.section


def test_test_files_named_by_blocks_exist() -> None:
    for block in ALL:
        if block.kind == "in":
            assert (ROOT / block.context).exists(), block.section


def test_ci_blocks_are_lines_of_the_ci_script() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for block in ALL:
        if block.kind == "ci":
            assert set(block.commands) <= {line.strip() for line in lines}


def test_descriptors_shown_are_valid(tmp_path: Path) -> None:
    shown = [block for block in ALL if block.language == "toml" and "[gateway]" in block.text]
    assert shown
    for block in shown:
        path = tmp_path / "gateway.toml"
        path.write_text(block.text, encoding="utf-8")
        claims_of(descriptor_loader.load(path), path)


def test_links_have_existing_targets() -> None:
    generated = {(REFERENCE / name).resolve(): text for name, text in pages().items()}
    for document in (*DOCUMENTS, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"))):
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            if target.startswith("http"):
                continue
            path, _, anchor = target.partition("#")
            page = (document.parent / path).resolve() if path else document
            assert page in generated or page.exists(), f"{document}: {target}"
            if anchor:
                text = generated[page] if page in generated else page.read_text(encoding="utf-8")
                assert anchor in anchors(text), f"{document}: {target}"


def test_site_shows_every_page() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", json.dumps(SITE["nav"])))
    shown = {path.relative_to(ROOT / "docs").as_posix() for path in WRITTEN} | {
        f"reference/{name}" for name in CONTENTS
    }
    assert shown <= listed
    roots = re.findall(r"^ROOTS = (\{.*?^\})", HOOK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert listed - shown - {"reference/index.md"} == set(ast.literal_eval(roots[0]).values())
