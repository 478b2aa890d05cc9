"""The kill matrix: every fault of the reference gateway against every requirement that has a check.

`python -m conformance.selftest.kill_matrix` (make kill-matrix) plays and writes it; `test_kill_matrix.py` plays it again.
"""
