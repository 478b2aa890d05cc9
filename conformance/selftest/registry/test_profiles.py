"""Profiles: named sets of requirements, of existing features, that together hold the whole registry."""

import pytest

from gatebench.conformance.requirements.features import FEATURES, IMPLIED, PROFILES
from gatebench.conformance.requirements.registry import loaded

REQUIREMENTS = loaded().all()


@pytest.mark.parametrize("profile", list(PROFILES))
def test_profile_has_existing_features_and_requirements(profile: str) -> None:
    given = PROFILES[profile]
    assert set(given.core) | set(given.extended) <= set(FEATURES)
    assert not set(given.core) & set(IMPLIED), "a profile cannot claim what follows from the dialect"
    assert any(given.level(requirement.feature, requirement.group) for requirement in REQUIREMENTS)


def test_every_requirement_belongs_to_a_profile() -> None:
    assert [one.id for one in REQUIREMENTS if not any(p.level(one.feature, one.group) for p in PROFILES.values())] == []


def test_requirement_without_feature_has_the_level_of_its_group() -> None:
    assert PROFILES["core"].level(None, "endpoint") == "core"
    assert PROFILES["core"].level("token-revocation", "authentication") == "extended"
    assert PROFILES["core"].level("upstream.oauth", "consent") is None
