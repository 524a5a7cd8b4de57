"""The agent: its process, its protocol, and the conversation that both make up."""
