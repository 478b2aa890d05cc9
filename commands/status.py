"""How a command ends: exit status, and in order."""

CONFORMANT, FINDINGS, BAD_INPUT, OUR_FAULT, BUDGET_BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130
OF_CONCLUSION = {
    "conformant": CONFORMANT,
    "findings": FINDINGS,
    "nothing-judged": BAD_INPUT,
    "harness-error": OUR_FAULT,
    "incomplete": OUR_FAULT,
}


def complain(sentence: str, status: int) -> int:
    """Tell the user one sentence on stderr; returns `status`."""
    import sys  # noqa: PLC0415

    print(f"gatebench: {sentence}", file=sys.stderr)
    return status


def end_in_order() -> None:
    """Have SIGTERM end us as Ctrl-C does, which may come as ignored from a shell that runs us in the background."""
    import signal  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
