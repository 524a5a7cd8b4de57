"""What sidecars call: events up, prompts, stops and tokens down."""
