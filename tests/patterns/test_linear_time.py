"""Every regular expression takes linear time: a gateway can send any text, and the bench must not hang."""

import ast
import functools
import os
import re

import pytest

from gatebench.conformance.selftest.kill_matrix.runs import share
from gatebench.conformance.selftest.support.cases import check_each
from tests.support.source.adversary import slow_text
from tests.support.source.regular_expressions import PACKAGES, ROOT, FoundPattern, computed, everything

# Built at run time from our own escaped words. Check that a pattern is linear before adding it.
READ = {
    r"conformance/checks/shapes/responses/disclosures.py: f'\\b{re.escape(name)}\\b'",
    "conformance/requirements/expectations.py: expression",  # of the user's own file
    "fixtures/recording/labels.py: f'{prefix}([0-9]+)z'",
    # Of escaped tokens and subjects of the bench:
    "fixtures/reference_gateway/faults/identity/credential_form.py: pattern",
    "fixtures/reference_gateway/faults/identity/jwts/subject_forms.py: pattern",
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
RECENT = 50  # commits: the patterns that they added or changed are always checked
SHARE = 8
before = functools.cache(functools.partial(share.text_before, commits=RECENT))


def of_this_commit(patterns: list[FoundPattern]) -> list[FoundPattern]:
    """Return the patterns that `make test` checks: new ones, and an eighth of the others.

    Only a change of its text can make a pattern slow. `make test ALL=1` checks all.
    """
    if os.environ.get("GATEBENCH_TRIAL") != "share":
        return patterns
    recent = {*share.changed_files(RECENT)}
    first = [found for found in patterns if path_of(found) in recent and not was_there(found)]
    others = [found for found in patterns if found not in first]
    chosen = {*share.choose((found.where for found in others), -(-len(others) // SHARE), share.commit())}
    return [*first, *(found for found in others if found.where in chosen)]


def path_of(found: FoundPattern) -> str:
    """Return the path of the module of a pattern, from the root of the repository."""
    return found.where.partition(":")[0]


def was_there(found: FoundPattern) -> bool:
    """Return whether the file held the text of the pattern before, or a global of its name with the same value."""
    path, _, name = found.where.partition(":")
    text, old = found.pattern.pattern, before(path)
    if (text if isinstance(text, str) else text.decode("latin-1")) in old:
        return True
    value = value_of(name, old)
    return value is not None and value == value_of(name, (ROOT / path).read_text(encoding="utf-8"))


def value_of(name: str, module: str) -> str | None:
    """Return how a module writes the value of one of its globals; None if it has none of this name."""
    for node in ast.parse(module).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return ast.dump(node)
    return None


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
