"""What several tests of pages need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.chromium import Browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that the tests of a file share."""
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()
