"""Agents' protocols without I/O: lines in, events and lines out."""
