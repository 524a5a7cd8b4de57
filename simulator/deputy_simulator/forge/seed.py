"""The repository that a simulated forge begins with: a tiny program whose discount is wrong."""

from deputy_simulator.forge.bare import Bare

#: Everybody's first commit is the same, so that its sha is too.
WHEN = "2026-01-05T09:00:00+00:00"

MESSAGE = "Add the basket"

FILES = {
    "README.md": """\
# demo

Adds up a basket of prices. Amounts are whole cents.

    python3 -m unittest
""",
    ".gitignore": "__pycache__/\n",
    "shop/__init__.py": '"""A shop, or the beginning of one."""\n',
    "shop/basket.py": '''\
"""What a basket costs."""


def total(prices: list[int], discount_percent: int = 0) -> int:
    """Return what the basket costs after the discount, in cents."""
    full = sum(prices)
    return full - full * discount_percent // 10
''',
    "tests/__init__.py": "",
    "tests/test_basket.py": '''\
"""Facts of the basket."""

import unittest

from shop.basket import total


class TotalTest(unittest.TestCase):
    def test_total_is_the_sum_of_the_prices(self) -> None:
        self.assertEqual(total([1200, 300]), 1500)

    def test_empty_basket_costs_nothing(self) -> None:
        self.assertEqual(total([]), 0)


if __name__ == "__main__":
    unittest.main()
''',
}


async def populate(repository: Bare) -> None:
    """Put the first commit into an empty repository."""
    await repository.commit_files("main", FILES, MESSAGE, WHEN)
