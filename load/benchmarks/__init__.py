"""The bench's own benchmarks: ratios of CPU per request, measured interleaved in one run (`make bench`)."""
