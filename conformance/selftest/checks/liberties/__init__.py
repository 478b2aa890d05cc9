"""Behaviour that correct gateways may show although the reference does not: no check counts it as a violation."""
