"""Checks that are written once for many requirements.

A requirement of a known shape is a row of the registry: `check` names the shape, `cases` the traffic that it is about, and
`options` what differs from row to row. A scenario records each case with `Scenario.case`.
"""
