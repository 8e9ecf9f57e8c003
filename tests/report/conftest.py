"""What tests of figures look at."""

import matplotlib.figure
import pytest


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, as objects whose texts can be read."""
    figures = []
    save = matplotlib.figure.Figure.savefig

    def keep(figure, *words, **options):
        figures.append(figure)
        save(figure, *words, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return figures
