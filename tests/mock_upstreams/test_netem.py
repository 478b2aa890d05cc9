import struct
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux")

from gatebench.mock_upstreams.cli import netem  # noqa: E402


def test_netlink_message_equals_that_of_tc() -> None:
    """`tc qdisc add dev lo root netem delay 200ms loss 30% limit 1000` of iproute2, as strace shows it."""
    asked = netem.addition(1, 200, 0.3)
    assert struct.unpack_from("=IHH", asked) == (76, 36, 0x605)
    assert struct.unpack_from("=BxxxiIII", asked, 16) == (0, 1, 0, 0xFFFFFFFF, 0)
    assert asked[36:48] == b"\x0a\x00\x01\x00netem\0\0\0"
    assert asked[48:] == b"\x1c\x00\x02\x00" + bytes.fromhex("08af2f00e8030000cccccc4c") + bytes(12)
    assert len(netem.removal(1)) == 36


def test_interface_is_found_by_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert netem.named_by("127.0.0.1") > 0
    assert netem.main(["--address", "192.0.2.1"]) == 1
    assert "no interface has the address 192.0.2.1" in capsys.readouterr().err
