"""Linear for trying things out: all of its GraphQL, OAuth, signed webhooks, limits and faults.

Nothing is kept: a simulator that ends forgets everything.
"""
