"""Page of the claims: profiles, features, principals, servers and revisions."""

from collections.abc import Iterator

from gatebench.conformance.requirements.features import FEATURES, FOLLOWING, IMPLIED, PROFILES
from gatebench.conformance.requirements.registry import Registry
from gatebench.documentation import sentences
from gatebench.documentation.markdown import code, prose, sentence, table
from gatebench.fixtures.world import definition

PAGE = "claims"


def page(registry: Registry) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Claims: profiles and features", "")
    yield from ("Only what a descriptor claims in `[claims]` is judged. A profile claims its core features.", "")
    yield from ("## Profiles", "")
    yield from table(("profile", "meaning", "core features", "extended features", "requirements"), _profiles(registry))
    yield from (
        "Extended features are claimed one by one, in `features`. `gatebench list --profile NAME` lists the requirements.",
        "",
    )
    yield from ("## Features", "")
    yield from table(("feature", "meaning", "claimed by", "requirements"), _features(registry))
    yield from ("## Principals", "", "Callers of the standard world, for `claims.principals` and `[tokens]`.", "")
    yield from table(
        ("principal", "kind", "servers that it may use"),
        ((code(who.name), who.kind, " ".join(map(code, who.access))) for who in definition.PRINCIPALS.values()),
    )
    yield from ("## Servers", "", "Servers of the standard world, for `claims.servers`.", "")
    yield from table(("server", "what it is"), _servers())
    yield from ("## Protocol revisions", "", " ".join(map(code, definition.REVISIONS)), "")


def _profiles(registry: Registry) -> Iterator[tuple[str, str, str, str, str]]:
    known = sentences.exactly(PAGE, "profiles", set(PROFILES))
    for name, profile in PROFILES.items():
        counted = sum(bool(profile.level(one.feature, one.group)) for one in registry.all())
        core, extended = (" ".join(map(code, features)) for features in (profile.core, profile.extended))
        yield code(name), prose(sentence(known[name])), core, extended, str(counted)


def _features(registry: Registry) -> Iterator[tuple[str, str, str, str]]:
    for name, text in FEATURES.items():
        counted = sum(one.feature == name for one in registry.all())
        yield code(name), prose(sentence(text)), _claimed_by(name), str(counted or "")


def _claimed_by(feature: str) -> str:
    """Return how a descriptor claims a feature, or what it follows from."""
    if feature in IMPLIED:
        return f"follows from {code(IMPLIED[feature][0])} and `[dialect]`"
    if feature in FOLLOWING:
        return "follows from the rest of the descriptor, or from options of `gatebench run`"
    profiles = [code(name) for name, profile in PROFILES.items() if feature in profile.core]
    return (
        f"{'the profile' if len(profiles) == 1 else 'the profiles'} {', '.join(profiles)}" if profiles else "`features`"
    )


def _servers() -> Iterator[tuple[str, str]]:
    for name, upstream in definition.UPSTREAMS.items():
        issuer = f", authorization server or identity provider {code(upstream.issuer)}" if upstream.issuer else ""
        yield code(name), f"auth model {code(upstream.model)}{issuer}"
    for name, members in definition.VIRTUAL_SERVERS.items():
        yield code(name), f"virtual: {' '.join(map(code, members))}"
