"""Kubernetes I/O, and the pure builders of what we create there."""
