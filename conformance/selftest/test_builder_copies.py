"""Transcripts under construction begin with equal events, and share no state."""

from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder


def test_transcripts_under_construction_are_independent() -> None:
    one, other = TranscriptBuilder(), TranscriptBuilder()
    assert [event["kind"] for event in one.events] == [event["kind"] for event in other.events]
    begin = len(other.events)
    one.secret("access-token", "access:new:mail")
    one.call("alice", "mail")
    one.world_json["upstreams"].clear()
    assert len(one.events) > begin
    assert (len(other.events), other.facts.secrets.keys()) == (begin, TranscriptBuilder().facts.secrets.keys())
    assert other.world_json == TranscriptBuilder().world_json
    value = next(secret.value for secret in one.recorder.secrets if secret.label == "access:new:mail")
    assert one.recorder.secrets.redact(value) == "«access:new:mail»"
    assert other.recorder.secrets.redact(value) == value


def test_transcript_begins_with_the_dialect() -> None:
    assert TranscriptBuilder(tool_name="{tool}").facts.spoken.tool_name == "{tool}"
    assert TranscriptBuilder().facts.spoken.tool_name != "{tool}"
    assert TranscriptBuilder(started=False).events[-1] != TranscriptBuilder().events[-1]
