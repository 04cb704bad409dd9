"""Every operation of the snake era; see api_operations.py."""

import unittest

from api_operations import RoundTrip


class Snake(RoundTrip):
    def test_every_operation(self):
        self.in_era("snake")


if __name__ == "__main__":
    unittest.main()
