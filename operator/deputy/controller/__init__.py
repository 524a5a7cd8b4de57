"""What the operator does for runs and Blueprints: observe, decide, carry out, write the status."""
