"""The status-sync sidecar: the conversation with one agent process.

An agent's bytes and everything else that happens to it are kept in the outbox before they are
acted upon. `conversation` folds them, always in the same order, into numbered events; whatever
dies at whatever moment, the fold says the same again.
"""
