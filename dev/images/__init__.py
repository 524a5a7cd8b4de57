"""Images for the cluster of `dev.cluster`: the project's own, and agents to try it with."""
