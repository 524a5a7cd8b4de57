"""The public HTTP endpoint: webhooks become Kubernetes writes."""
