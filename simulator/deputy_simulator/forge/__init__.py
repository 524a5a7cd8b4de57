"""GitHub for trying things out: git over HTTP, pull requests, and pages to look at."""
