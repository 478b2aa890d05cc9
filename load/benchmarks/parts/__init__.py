"""The benchmarks, each a part of load/BENCHMARKS.md."""
