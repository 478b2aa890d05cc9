"""Upstream tokens in the course of time: renewal, rotation, refusal, rejection; for the right user and once only."""

import asyncio
from typing import Any

import httpx
from gateway_agent import NO_TLS, consent_urls, rpc, sent
from gateway_bench import Bench


def grants(bench: Bench, grant: str) -> int:
    """How many grants of this type the vendor's token endpoint saw since the mark."""
    return sum(f"grant_type={grant}" in event.get("body", "") for event in bench.events("idp"))


def short_lived(bench: Bench, seconds: object = 1, **more: Any) -> None:
    bench.control("idp", "PUT", "settings", {"issuer": "vendor", "access_lifetime": seconds, **more})


async def together(bench: Bench, token: str, count: int) -> list[httpx.Response]:
    """So many calls at the same time."""
    agent = bench.agent(token, "mail")
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS, timeout=10) as http:
        parts = [agent.modern_parts("tools/call", {"name": "mailbox", "arguments": {}}) for _ in range(count)]
        return await asyncio.gather(
            *(http.post(agent.url, json=message, headers=agent.headers | mirrored) for message, mirrored in parts)
        )


def expired_consent(bench: Bench, user: str = "alice") -> None:
    """A consent whose access token ends at once."""
    short_lived(bench, 0)
    bench.consent(f"pat-{user}", "mail", user)
    short_lived(bench, 300)
    bench.mark()


def test_an_expired_token_is_renewed_once_for_twenty_calls_at_the_same_time(bench: Bench) -> None:
    expired_consent(bench)
    answers = asyncio.run(together(bench, "pat-alice", 20))
    assert [rpc(answer)["result"]["structuredContent"]["owner"] for answer in answers] == ["alice"] * 20
    assert grants(bench, "refresh_token") == 1
    assert len({tuple(sent(event, "authorization")) for event in bench.events("mail")}) == 1


def test_rotation_is_honoured(bench: Bench) -> None:
    expired_consent(bench)
    short_lived(bench, 0)
    for _ in range(3):
        bench.agent("pat-alice", "mail").modern("tools/list")
    bodies = [event["body"] for event in bench.events("idp") if "grant_type=refresh_token" in event.get("body", "")]
    assert len(bodies) >= 3
    assert len(set(bodies)) == len(bodies)
    assert "resource=" in bodies[0]


def test_a_refused_renewal_asks_for_consent_again_for_this_user_only(bench: Bench) -> None:
    bench.consent("pat-bob", "mail", "bob")
    expired_consent(bench)
    rule = {"issuer": "vendor", "endpoint": "token", "grant": "refresh_token", "action": {"error": "invalid_grant"}}
    bench.control("idp", "PUT", "faults", [rule])
    agent = bench.agent("pat-alice", "mail")
    assert consent_urls(agent.legacy("initialize").json())
    assert consent_urls(agent.modern("tools/list").json())
    assert grants(bench, "refresh_token") == 1
    assert bench.events("mail") == []
    assert bench.agent("pat-bob", "mail").call("mailbox")["owner"] == "bob"


def test_a_token_endpoint_that_is_down_is_no_refusal(bench: Bench) -> None:
    expired_consent(bench)
    rule = {"issuer": "vendor", "endpoint": "token", "grant": None, "action": {"status": 503, "body": "{}"}}
    bench.control("idp", "PUT", "faults", [rule])
    answer = bench.agent("pat-alice", "mail").modern("tools/list")
    assert answer.status_code == 502
    assert "mail" in rpc(answer)["error"]["message"]
    bench.control("idp", "DELETE", "faults")
    assert bench.agent("pat-alice", "mail").call("mailbox")["owner"] == "alice"


def test_a_rejected_token_is_renewed_and_the_call_repeated_once(bench: Bench) -> None:
    bench.consent("pat-alice", "mail", "alice")
    bench.control("mail", "PUT", "faults", [{"times": 1, "action": {"status": 401}}])
    bench.mark()
    assert bench.agent("pat-alice", "mail").call("mailbox")["owner"] == "alice"
    first, second = bench.events("mail")
    assert sent(first, "authorization") != sent(second, "authorization")
    assert grants(bench, "refresh_token") == 1
    assert len(bench.events("mail", "execution")) == 1


def test_twenty_rejections_of_one_token_are_one_renewal(bench: Bench) -> None:
    bench.consent("pat-alice", "mail", "alice")
    bench.agent("pat-alice", "mail").call("mailbox")
    digest = bench.events("mail", "execution")[0]["credentials"][0]["digest"]
    bench.control("mail", "PUT", "faults", [{"token_digest": digest, "action": {"status": 401}}])
    bench.mark()
    answers = asyncio.run(together(bench, "pat-alice", 20))
    assert [rpc(answer)["result"]["structuredContent"]["owner"] for answer in answers] == ["alice"] * 20
    assert grants(bench, "refresh_token") == 1


def test_a_token_that_stays_rejected_means_consent_and_never_a_401(bench: Bench) -> None:
    bench.consent("pat-alice", "mail", "alice")
    bench.control("mail", "PUT", "faults", [{"action": {"status": 401, "headers": {"WWW-Authenticate": "Bearer x"}}}])
    bench.mark()
    answer = bench.agent("pat-alice", "mail").modern("tools/list")
    assert answer.status_code == 200
    assert consent_urls(answer.json())
    assert "www-authenticate" not in answer.headers
    assert len(bench.events("mail")) == 2


def test_a_token_without_refresh_token_ends_in_consent(bench: Bench) -> None:
    short_lived(bench, 0, omit_refresh_token=True)
    bench.consent("pat-alice", "mail", "alice")
    short_lived(bench, 300, omit_refresh_token=False)
    assert consent_urls(bench.agent("pat-alice", "mail").modern("tools/list").json())


def test_consent_withdrawn_during_a_renewal_stays_withdrawn(bench: Bench) -> None:
    expired_consent(bench)
    rule = {"issuer": "vendor", "endpoint": "token", "grant": "refresh_token", "action": {"delay": 0.4}}
    bench.control("idp", "PUT", "faults", [rule])

    async def scenario() -> httpx.Response:
        call = asyncio.ensure_future(together(bench, "pat-alice", 1))
        await asyncio.to_thread(
            bench.await_events, "idp", "request", lambda events: any("token" in event["target"] for event in events)
        )
        assert (await asyncio.to_thread(bench.admin, "DELETE", "consents/alice/mail")).status_code == 204
        return (await call)[0]

    assert consent_urls(asyncio.run(scenario()).json())
    assert consent_urls(bench.agent("pat-alice", "mail").modern("tools/list").json())
    assert bench.events("mail") == []


def test_a_renewal_survives_the_client_that_caused_it(bench: Bench) -> None:
    expired_consent(bench)
    rule = {"issuer": "vendor", "endpoint": "token", "grant": "refresh_token", "action": {"delay": 0.3}}
    bench.control("idp", "PUT", "faults", [rule])

    async def scenario() -> None:
        call = asyncio.ensure_future(together(bench, "pat-alice", 1))
        await asyncio.to_thread(
            bench.await_events, "idp", "request", lambda events: any("token" in event["target"] for event in events)
        )
        call.cancel()

    asyncio.run(scenario())
    assert bench.agent("pat-alice", "mail").call("mailbox")["owner"] == "alice"
    assert grants(bench, "refresh_token") == 1
