"""Reports of measurements that nobody made."""

from load import model


def machine() -> model.Machine:
    return model.Machine(id="abc", cpu="a CPU", cores=2, memory_mib=4096, system="Linux 6", python="3.11.7")


def report() -> model.LoadReport:
    return model.LoadReport(
        kind="run", gatebench="0.1.0", time="2026-01-01T00:00:00Z", target="reference", machine=machine()
    )
