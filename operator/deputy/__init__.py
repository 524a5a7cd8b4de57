"""Deputy: delegate an issue, get a pull request, on your own Kubernetes."""
