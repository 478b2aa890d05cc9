"""The interactive tools by name, as the official MCP conformance suite expects them, and several of our own."""

HANDSHAKE = {
    "test_sampling": "Ask the client's model: sampling/createMessage.",
    "test_elicitation": "Ask the user: elicitation/create with a form.",
    "test_elicitation_sep1034_defaults": "Ask the user with a form that has defaults.",
    "test_elicitation_sep1330_enums": "Ask the user with a form that has every kind of enum.",
    "test_elicitation_url": "Ask the user to visit an address, and tell when they have finished.",
    "test_roots": "Ask the client for its roots.",
    "test_ping": "Ping the client.",
    "test_several_requests": "Ask the client twice at once.",
    "test_cancelled_request": "Ask the user, and cancel the request at once.",
    "test_elicitation_with_progress": "Ask the user, who may report progress.",
    "test_progress": "Report progress three times.",
    "test_log_messages": "Send three log messages.",
    "test_reconnection": "Close the stream before the result; the client resumes it.",
    "test_held": "Wait until test_release names this call's nonce.",
    "test_release": "End the wait of the call with the nonce `of`.",
    "test_trigger_tool_change": "Announce a change of the tool list.",
}
"""Tools of the handshake era. In 2026-07-28 those that ask return `input_required` instead."""

ROUNDS = {
    "test_input_required_result_elicitation": "Needs the user's name.",
    "test_input_required_result_sampling": "Needs an answer of the client's model.",
    "test_input_required_result_list_roots": "Needs the client's roots.",
    "test_input_required_result_request_state": "Needs a confirmation, and its own state back.",
    "test_input_required_result_multiple_inputs": "Needs three things at once.",
    "test_input_required_result_multi_round": "Needs two things, one after the other.",
    "test_input_required_result_tampered_state": "Refuses a state that it did not issue.",
    "test_input_required_result_capabilities": "Asks only for what the client declared.",
    "test_state_alone": "Needs its own state back, and nothing else.",
    "test_missing_capability": "Needs a client with sampling.",
    "test_streaming_elicitation": "Reports progress, then needs the user's name.",
    "test_logging_tool": "Logs if the request asks for it.",
}
"""Tools of 2026-07-28."""

TOOLS = HANDSHAKE | ROUNDS
