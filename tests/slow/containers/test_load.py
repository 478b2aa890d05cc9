"""Load on the image of a gateway: on the host network, measured like any gateway, and removed afterwards."""

import json
from pathlib import Path

from tests.support.containers import gatebench, left


def test_load_on_an_image_measures_its_processes(tmp_path: Path) -> None:
    arguments = ("load", "run", "reference-container", "--profile", "steady", "--seconds", "5", "--out", "out")
    status, output, errors = gatebench(tmp_path, *arguments)
    assert status in (0, 2), output + errors  # void where the machine is busy
    report = json.loads((tmp_path / "out" / "load.json").read_text(encoding="utf-8"))
    assert report["complete"], report["incomplete_reason"]
    assert report["arms"][0]["failed"] == 0
    assert report["arms"][0]["done"] > 50
    assert report["far_end"]["per_call"]["requests"] >= 0.99
    resources = report["resources"]
    assert resources["cpu_us_per_call"]["value"] > 100, "of the processes in the container, as this machine sees them"
    assert resources["before"]["rss_mib"] > 10
    assert not left()


def test_missing_image_is_reported_in_one_sentence(tmp_path: Path) -> None:
    descriptor = tmp_path / "acme.toml"
    descriptor.write_text(
        '[gateway]\nname = "acme"\n[launch]\nimage = "acme/nowhere:1"\nready = "{base_url}/healthz"\n'
        '[claims]\nprofiles = ["core"]\nrevisions = ["2026-07-28"]\n'
    )
    status, output, errors = gatebench(tmp_path, "load", "run", str(descriptor), "--out", "out")
    assert (status, output) == (2, "")
    assert "the image acme/nowhere:1 does not exist" in errors
    assert len(errors.strip().splitlines()) == 1
