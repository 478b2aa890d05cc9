"""Commands about runs: test a gateway, evaluate a recording, build and publish reports."""
