"""Profiles as data, and from a profile to plans."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.doubles.load_defects import STRAINS
from gatebench.fixtures.gateways.lookup import by_name as target_named
from gatebench.fixtures.world import definition
from gatebench.load.experiments import workload
from gatebench.load.experiments.workload import ProfileRunOptions, Workload, choose_operations
from gatebench.load.profiles import budgets, profiles
from gatebench.load.profiles.profiles import CallSpec, LoadProfile, Phase
from gatebench.load.testbed.callers import CallerPool

REQUIRED_PROFILES = {
    "baseline", "steady", "saturation", "spike", "ramp", "soak", "session-churn", "token-diversity", "mixed-auth",
    "consent-refresh", "fan-out", "streaming", "payload", "catalogue", "slow-upstream",
    "slow-members", "shared-session", "listening", "strangers", "identical-calls", "personal-lists",
}  # fmt: skip
ALL = profiles.load()
EVERYTHING = frozenset(
    {f"server.{name}" for name in definition.EVERYTHING}
    | {f"principal.{name}" for name in definition.PRINCIPALS}
    | {f"caller.{kind}" for kind in ("user", "external", "virtual-account")}
    | {f"upstream.{model}" for model in ("none", "static", "oauth", "passthrough")}
    | {"virtual-servers"}
)


def minimal(**more: Any) -> LoadProfile:
    return LoadProfile(name="p", purpose="x", finds="y", rate=10, seconds=10, call=[CallSpec(operation="call")], **more)


def test_required_profiles_exist_and_are_documented() -> None:
    assert set(ALL) >= REQUIRED_PROFILES
    assert all(len(profile.purpose) > 30 and len(profile.finds) > 30 for profile in ALL.values())


@pytest.mark.parametrize("name", sorted(REQUIRED_PROFILES))
def test_every_profile_has_budgets(name: str) -> None:
    own = [budget for budget in budgets.load() if budget.applies(name)]
    assert len(own) >= 2


def test_every_profile_has_a_gateway_with_its_defect() -> None:
    shown = {profile for profile, _ in STRAINS.values()}
    assert REQUIRED_PROFILES - shown == {"baseline", "saturation"}, "one has direct calls only, the other only measures"
    variants = target_named("strained:one-at-a-time").descriptor.launch
    assert variants is not None
    assert variants.variants == list(STRAINS)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("x = [", "not valid TOML"),
        ("x = 1", r"\[x\]"),
        ('[x]\npurpose = "p"', "profile x: finds is missing; add it"),
        (
            '[x]\npurpose="p"\nfinds="f"\nrte=1\nseconds=1\n[[x.call]]\noperation="c"',
            "rte is an unknown key; did you mean rate?",
        ),
        ('[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\n[[x.call]]\noperation="c"\nserver="nowhere"', "nowhere"),
        ('[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\n[[x.call]]\noperation="c"\ncallers=["eve"]', "eve"),
        ('[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\n[[x.call]]\noperation="c"\nserver="inbox"', "member"),
        ('[x]\npurpose="p"\nfinds="f"\nrate=0\nseconds=1\n[[x.call]]\noperation="c"', "rate"),
        ('[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\nshape=[[0,1,1]]\n[[x.call]]\noperation="c"', "shape"),
        (
            '[x]\npurpose="p"\nfinds="f"\nrate=inf\nseconds=1\n[[x.call]]\noperation="c"',
            "rate is wrong: input should be a finite number, not inf",
        ),
        (
            '[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=inf\n[[x.call]]\noperation="c"',
            "seconds is wrong: input should be a finite number",
        ),
        ('[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\nshape=[[1,1,inf]]\n[[x.call]]\noperation="c"', "finite"),
        (
            '[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\n[[x.call]]\noperation="c"\nweight=inf',
            "call.0.weight is wrong: .*finite",
        ),
        (
            '[x]\nname="y"\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\n[[x.call]]\noperation="c"',
            "profile x: name: .*the name of the table",
        ),
        (
            '[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\nshape=[]\n[[x.call]]\noperation="c"',
            "nothing would be sent",
        ),
        (
            '[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\nshape=[[1,0,0]]\n[[x.call]]\noperation="c"',
            "nothing would be sent",
        ),
        (
            '[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\nconsents={mail=["eve"]}\n[[x.call]]\noperation="c"',
            "consents.mail: unknown user 'eve'",
        ),
        (
            '[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\nvirtual={all=["post"]}\n[[x.call]]\noperation="c"',
            "virtual.all: unknown upstream 'post'",
        ),
        (
            '[x]\npurpose="p"\nfinds="f"\nrate=1\nseconds=1\nprepare=[{mock="m",method="PUT",path="p"}]\n[[x.call]]\noperation="c"',
            "unknown mock 'm'",
        ),
    ],
)
def test_invalid_profiles_file_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BenchError, match=sentence) as refused:
        profiles.load(path)
    assert str(path) in str(refused.value)


def test_unknown_profile_is_refused() -> None:
    with pytest.raises(BenchError, match="did you mean steady"):
        profiles.by_name("stedy")


CROWDED = {
    "baseline",
    "token-diversity",
    "identical-calls",
    "personal-lists",
    "strangers",
}  # with others than alice and bob


@pytest.mark.parametrize("name", sorted(REQUIRED_PROFILES - CROWDED))
def test_profile_with_one_caller(name: str) -> None:
    able = EVERYTHING - {f"principal.{other}" for other in definition.PRINCIPALS if other != "alice"}
    chosen, left_out = choose_operations(ALL[name], able, list(definition.REVISIONS))
    assert {caller for call in chosen for caller in call.callers} == {"alice"}
    assert any("bob" in sentence and "not claimed" in sentence for sentence in left_out)
    consents = workload.consents_of(ALL[name], chosen)
    assert {user for users in consents.values() for user in users} <= {"alice"}


def test_call_with_two_callers_is_left_out_with_one() -> None:
    chosen, left_out = choose_operations(
        ALL["token-diversity"], EVERYTHING - {"principal.bob"}, list(definition.REVISIONS)
    )
    assert "call with the caller's OAuth token" not in {call.operation for call in chosen}
    assert any("principal.bob" in sentence for sentence in left_out)


def test_unclaimed_operations_are_left_out_with_a_note() -> None:
    able = EVERYTHING - {"upstream.oauth", "caller.external"}
    chosen, left_out = choose_operations(ALL["mixed-auth"], able, list(definition.REVISIONS))
    assert {call.operation for call in chosen} == {"no auth", "static header"}
    assert any("upstream.oauth" in sentence for sentence in left_out)
    with pytest.raises(BenchError, match="applies to this gateway"):
        choose_operations(ALL["consent-refresh"], able, list(definition.REVISIONS))


@pytest.mark.parametrize(
    ("era", "claimed", "negotiated"),
    [
        ("any", ["2025-06-18", "2026-07-28"], "2026-07-28"),
        ("any", ["2025-06-18", "2025-11-25"], "2025-11-25"),
        ("legacy", ["2025-06-18", "2026-07-28"], "2025-06-18"),
        ("modern", ["2025-06-18"], None),
        ("legacy", ["2026-07-28"], None),
    ],
)
def test_revision_is_the_newest_claimed_one_of_the_era(era: Any, claimed: list[str], negotiated: str | None) -> None:
    assert workload.revision_for(CallSpec(operation="c", era=era), claimed) == negotiated


class StubBench:
    """The parts of a bench that plans are made from."""

    def __init__(self) -> None:
        self.world_json = {
            "upstreams": {
                name: {"url": f"http://127.0.0.1:1/{name}", "auth": {"value": "key"}} for name in definition.UPSTREAMS
            }
        }
        self.secrets: list[Any] = []
        self.identities = self

    def token(self, name: str) -> str:
        return f"token-of-{name}"

    def credential(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    def upstream_credential(self, name: str, server: str) -> dict[str, str]:
        return {"X": f"{name} at {server}"}


def made(profile: LoadProfile, **crowd: int) -> Workload:
    target = target_named("reference")
    target.base_url = "http://127.0.0.1:2"
    target._virtual = {*definition.VIRTUAL_SERVERS, *profile.virtual}
    gateway: Any = SimpleNamespace(bench=StubBench(), target=target)
    return Workload(profile, list(profile.call), gateway, CallerPool(**crowd))


@pytest.mark.parametrize("profile", [one for one in ALL.values() if not one.search], ids=lambda one: one.name)
def test_plans_of_a_profile_have_its_duration(profile: LoadProfile) -> None:
    load = made(
        profile, users=profile.crowd.users, externals=profile.crowd.externals, strangers=profile.crowd.strangers
    )
    options = ProfileRunOptions.of(profile, 12.0, 30.0, 1, 7)
    plans = [make() for _, make in workload.phases(profile, options, load)]
    assert len(plans) == len(profile.phase) * profile.repeat
    assert sum(plan.seconds for plan in plans) == pytest.approx(12.0)
    assert len({plan.seed for plan in plans}) == len(plans), "phases must have different schedules"
    highest = max(multiple for _, low, high in profile.shape for multiple in (low, high))
    assert max(stage.rate_to for plan in plans for stage in plan.stages) <= 30.0 * highest


def test_operations_are_named_after_their_phase() -> None:
    call, waiting = CallSpec(operation="call"), CallSpec(operation="list", waits=True)
    slow = Phase(name="one is slow")
    assert (call.operation_in(Phase()), call.operation_in(slow)) == ("call", "call, one is slow")
    assert waiting.operation_in(slow) == "list (one is slow)"


def test_callers_expect_their_own_values() -> None:
    arms = made(ALL["token-diversity"], users=3, externals=2).arms()
    shared, own, oauth = arms[0].calls
    assert [caller.name for caller in shared.callers] == ["load-user-00000", "load-user-00001", "load-user-00002"]
    assert len({tuple(caller.expect) for caller in shared.callers}) == 1, "one key for all of them"
    assert len({tuple(caller.expect) for caller in own.callers}) == 2
    assert [caller.expect for caller in oauth.callers] == [["alice"], ["bob"]]
    assert len({caller.headers["Authorization"] for caller in shared.callers}) == 3


def test_direct_calls_use_the_url_of_the_upstream() -> None:
    (arm,) = made(ALL["baseline"]).arms()
    assert (arm.name, arm.calls[0].url) == ("direct", "http://127.0.0.1:1/calculator")
    assert made(ALL["payload"]).direct()[0].calls[0].tool == "whoami", "the calibration uses the cheapest call"


def test_arguments_can_be_padded() -> None:
    (arm,) = made(minimal().model_copy(update={"call": [CallSpec(operation="up", tool="echo", pad=1000)]})).arms()
    assert len(arm.calls[0].arguments["value"]) == 1000


def test_many_members_are_upstreams_of_one_virtual_server() -> None:
    call = CallSpec(operation="list", server=profiles.MANY, method="tools/list")
    fields = {"name": "p", "purpose": "x", "finds": "y", "rate": 1, "seconds": 1, "call": [call]}
    profile = LoadProfile.model_validate(fields | {"crowd": {"members": 3}})
    assert profile.members(profiles.MANY) == ("member-000", "member-001", "member-002")
    assert profile.needs(call) >= {"virtual-servers", "upstream.none"}
    with pytest.raises(ValueError, match="unknown server 'many-members'"):
        LoadProfile.model_validate(fields)
