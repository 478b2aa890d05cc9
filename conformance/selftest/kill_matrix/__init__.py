"""The kill matrix: every fault of the reference gateway against every requirement that has a check.

`python -m gatebench.conformance.selftest.kill_matrix` (make kill-matrix) runs the faults and writes it;
`test_kill_matrix_replay.py` runs a share of them again.
"""
