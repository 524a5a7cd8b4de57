"""What people who work on Deputy, or try it, run from a checkout; nothing of it is shipped."""
