"""Runs the tests of this folder and closes with `N passed, N failed`."""

import sys
import unittest
from pathlib import Path


def main():
    folder = str(Path(__file__).resolve().parent)
    suite = unittest.defaultTestLoader.discover(folder, pattern="test_*.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    # A fixture that fails is an error without a test, hence the lower bound.
    passed = max(0, result.testsRun - failed - len(result.skipped))
    print(f"{passed} passed, {failed} failed")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
