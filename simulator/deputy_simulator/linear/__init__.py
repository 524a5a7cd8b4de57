"""Linear, as far as Deputy sees it: GraphQL, OAuth, signed webhooks, limits and faults.

Nothing is kept: a simulator that ends forgets everything.
"""
