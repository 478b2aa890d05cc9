"""Which content codings a request accepts (RFC 9110, section 12.5.3)."""

SYNONYMS = {"x-gzip": "gzip", "x-compress": "compress"}
"""RFC 9110, section 8.4.1."""


def named(coding: str) -> str:
    """Return the name of a coding, in its usual form."""
    name = coding.strip().lower()
    return SYNONYMS.get(name, name)


def accepts(accept_encoding: str, coding: str) -> bool:
    """Return whether a field Accept-Encoding accepts a coding: one with the weight 0 is not acceptable."""
    weights = _weights(accept_encoding)
    default = 1.0 if named(coding) == "identity" else 0.0
    return weights.get(named(coding), weights.get("*", default)) > 0


def _weights(accept_encoding: str) -> dict[str, float]:
    weights = {}
    for one in accept_encoding.split(","):
        name, *parameters = one.split(";")
        if name.strip():
            weights[named(name)] = _weight("".join(parameters))
    return weights


def _weight(parameters: str) -> float:
    """Return the weight that parameters give; 1 if they give none."""
    name, _, value = parameters.replace(" ", "").lower().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 1.0
