"""`python -m gatebench.mock_upstreams.cli.netem`: add or remove delay and loss of a local network interface.

Configures the kernel's netem queueing discipline on the interface that has the given address, as `tc qdisc add dev ...
root netem delay ... loss ...` does; it affects outgoing packets. Needs CAP_NET_ADMIN. Linux only.
"""

import argparse
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Sequence

# Constants of rtnetlink(7) and of the kernel's header pkt_sched.h.
RTM_NEWQDISC, RTM_DELQDISC, NLMSG_ERROR = 36, 37, 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
TC_H_ROOT = 0xFFFFFFFF
TCA_KIND, TCA_OPTIONS = 1, 2
NANOSECONDS_A_TICK = 64
SIOCGIFADDR = 0x8915
LIMIT = 1000  # packets in the queue
NO_NETEM = 3  # exit status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return the exit status: 0, 3 if the kernel has no netem, 1 for any other refusal."""
    options = _parser().parse_args(arguments)
    try:
        interface = named_by(options.address)
        ask(removal(interface) if options.undo else addition(interface, options.delay_ms, options.loss))
    except FileNotFoundError:
        print("the kernel has no netem (module sch_netem)", file=sys.stderr)
        return NO_NETEM
    except OSError as error:
        print(f"the link cannot be changed: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def named_by(address: str) -> int:
    """Return the index of the interface that has this IPv4 address. Raises OSError if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for number, name in socket.if_nameindex():
            try:
                found = fcntl.ioctl(any_socket, SIOCGIFADDR, struct.pack("256s", name.encode()))
            except OSError:  # an interface without an address
                continue
            if socket.inet_ntoa(found[20:24]) == address:
                return number
    raise OSError(f"no interface has the address {address}")


def addition(interface: int, delay_ms: float, loss: float) -> bytes:
    """Return the request that adds a delay in milliseconds and the loss of this share (0 to 1) of packets."""
    ticks = round(delay_ms * 1e6 / NANOSECONDS_A_TICK)
    options = struct.pack("=6I", ticks, LIMIT, round(loss * 0xFFFFFFFF), 0, 0, 0)
    attributes = _attribute(TCA_KIND, b"netem\0") + _attribute(TCA_OPTIONS, options)
    return _request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, interface, attributes)


def removal(interface: int) -> bytes:
    """Return the request that removes delay and loss."""
    return _request(RTM_DELQDISC, 0, interface, b"")


def ask(request: bytes) -> None:
    """Send the request to the kernel. Raises OSError for a refusal, FileNotFoundError for an unknown discipline."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.bind((0, 0))
        kernel.send(request)
        answer = kernel.recv(65536)
    kind, error = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
    if kind == NLMSG_ERROR and error:
        raise OSError(-error, os.strerror(-error))


def _request(kind: int, flags: int, interface: int, attributes: bytes) -> bytes:
    message = struct.pack("=BxxxiIII", socket.AF_UNSPEC, interface, 0, TC_H_ROOT, 0) + attributes
    return struct.pack("=IHHII", 16 + len(message), kind, NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0) + message


def _attribute(kind: int, value: bytes) -> bytes:
    head = struct.pack("=HH", 4 + len(value), kind)
    return head + value + b"\0" * (-len(value) % 4)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gatebench.mock_upstreams.cli.netem", description="A bad network link, by netem."
    )
    parser.add_argument("--address", default="127.0.0.1", help="IPv4 address of the interface")
    parser.add_argument("--delay-ms", type=float, default=0, help="delay of outgoing packets")
    parser.add_argument("--loss", type=float, default=0, help="share of packets that are lost, 0 to 1")
    parser.add_argument("--undo", action="store_true", help="remove delay and loss")
    return parser


if __name__ == "__main__":
    sys.exit(main())
