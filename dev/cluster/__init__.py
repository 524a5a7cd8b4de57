"""A Kubernetes cluster for tests and the demo, on a machine that has none.

`python3 -m dev.cluster up | down | status`. Standard library only, because it runs before
anything of the project is installed.
"""
