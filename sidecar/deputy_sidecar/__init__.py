"""The status-sync sidecar: the conversation with one agent process."""
