"""Measure Deputy on the real cluster, beside a bare client that does the same work."""
