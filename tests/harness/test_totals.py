"""No document may differ in its totals: the list of known exceptions must be empty."""

import pytest

from harness.totals import KNOWN


@pytest.mark.xfail(strict=True, reason="the mappings of amounts are not complete yet")
def test_no_template_is_known_to_be_wrong() -> None:
    assert KNOWN == {}
