"""The run's repository: cloned for the agent, and what the agent made pushed to its branch."""
