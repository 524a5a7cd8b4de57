"""The operator: watches, work queue, status writer, leadership."""
