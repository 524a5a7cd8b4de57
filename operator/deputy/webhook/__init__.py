"""The public HTTP door: webhooks become Kubernetes writes."""
