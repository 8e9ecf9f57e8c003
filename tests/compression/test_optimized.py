"""The step compiled as users compile it: `make test` spares the optimization."""

import pytest

pytestmark = pytest.mark.usefixtures("optimized")


def test_a_text_comes_back(compact):
    text = b" Anya was born in Ulm.\n She studied at MIT.\n\xff"
    assert compact.decompress(compact.compress(text)) == text
