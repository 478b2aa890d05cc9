"""Every regular expression takes linear time: a gateway can send any text, and the bench must not hang."""

import os
import re

import pytest

from gatebench.conformance.selftest.kill_matrix.runs import share
from gatebench.conformance.selftest.support.cases import check_each
from tests.support.source.adversary import slow_text
from tests.support.source.regular_expressions import PACKAGES, FoundPattern, computed, everything

# Built at run time from our own escaped words. Check that a pattern is linear before adding it.
READ = {
    r"conformance/checks/shapes/responses/disclosures.py: f'\\b{re.escape(name)}\\b'",
    "conformance/requirements/expectations.py: expression",  # of the user's own file
    "fixtures/recording/labels.py: f'{prefix}([0-9]+)z'",
    # Of our own templates:
    "fixtures/reference_gateway/faults/protocol/features/feature_routes.py: '[^/]*'.join(map(re.escape, parts))",
    "load/benchmarks/markdown.py: f'{re.escape(begin)}.*?{re.escape(end)}'",  # of our own page
    r"load/generator/execution/response_check.py: f'{self._tag}\\d{{10}}'",
    r"load/generator/execution/response_check.py: f'{self._tag}(?!{number.decode()})\\d{{10}}'",
    "load/experiments/url_target/short_values.py: f'(?<!{_WORD})(?:{either})(?!{_WORD})'",  # escaped values
    "load/generator/recording/output.py: f\"^({'|'.join(sorted(names))}): [^\\\\r\\\\n]*\"",  # escaped names of headers
    "mock_upstreams/lean/http/response_cache.py: text.replace(re.escape(_NONCE), b'(?P=nonce)')",
    r"reports/conformance/analysis/findings.py: f'(?<![\\w-]){alternatives}(?![A-Za-z0-9-])'",
    r"reports/conformance/formats/html.py: f'(?<![\\w.]){re.escape(mark)}'",
}
RECENT = 50  # commits: the patterns of files that they changed are always checked
SHARE = 8


def of_this_commit(patterns: list[FoundPattern]) -> list[FoundPattern]:
    """Return the patterns that `make test` checks: of recently changed files, and an eighth of the others.

    No change of another file can make a pattern slow. `make test ALL=1` checks all.
    """
    if os.environ.get("GATEBENCH_TRIAL") != "share":
        return patterns
    recent = {*share.changed_files(RECENT)}
    first = [found for found in patterns if found.where.partition(":")[0] in recent]
    others = [found for found in patterns if found not in first]
    chosen = {*share.choose((found.where for found in others), -(-len(others) // SHARE), share.commit())}
    return [*first, *(found for found in others if found.where in chosen)]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_pattern_is_linear(package: str) -> None:
    def check(found: FoundPattern) -> None:
        assert slow_text(found.pattern, how=found.how) is None

    patterns = [found for found in everything() if found.where.startswith(f"{package}/")]
    assert patterns
    check_each(of_this_commit(patterns), check, lambda found: found.where)


def test_patterns_built_at_run_time_are_listed() -> None:
    assert set(computed()) <= READ


@pytest.mark.parametrize(
    "pattern",
    [
        r"Please visit:\s*(.+)$",
        r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\")",
        r"\b[a-z][a-z0-9+.-]*://[^\s/@:\"']+:[^\s/@\"']+@",
        r"\bat [^()\n]+\([^()\s]+\.(java|kt|[cm]?[jt]s)(:\d+)+\)",
        r"\bat \S+\(.*\) in \S+:line \d+",
        r"(?:[\w]|\\+u00[0-7][0-9a-fA-F]){8,}x",
        r"(a+)+$",
        r"(?:a|a)*b",
        r"\s+$",
        r".*a.*b.*c",
        r"x[^y]*y",
        r"<!--.*?-->",
    ],
)
def test_slow_patterns_are_found(pattern: str) -> None:
    """The check finds known slow patterns: earlier ones of this project, and common examples."""
    assert slow_text(re.compile(pattern)) is not None


@pytest.mark.parametrize("pattern", [r"[ -~]*", r"«[^«»]{1,200}»", r"\bx[a-z]{0,40}://", r"a+b", r"(?:ab)+"])
def test_linear_patterns_are_not_reported(pattern: str) -> None:
    if pattern == "a+b":  # is quadratic in a search, as it begins anew at each `a`
        assert slow_text(re.compile(pattern)) is not None
        assert slow_text(re.compile(pattern), how="match") is None
    else:
        assert slow_text(re.compile(pattern)) is None
