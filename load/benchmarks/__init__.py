"""Benchmarks of gatebench itself: ratios of CPU per request, measured interleaved in one run (`make bench`)."""
