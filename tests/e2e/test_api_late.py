"""Every operation of the late era; see api_operations.py."""

import unittest

from api_operations import RoundTrip


class Late(RoundTrip):
    def test_every_operation(self):
        self.in_era("late")


if __name__ == "__main__":
    unittest.main()
