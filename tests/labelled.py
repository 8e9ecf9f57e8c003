"""Labels of tables made by hand."""

import types


def label(name, kind, attribute=-1):
    return types.SimpleNamespace(name=name, kind=kind, attribute=attribute)


BIOD = (
    label("text", "text"),
    label("name", "name"),
    label("ID 1", "value1", 0),
    label("ID 1", "value", 0),
    label("ID 2", "value1", 1),
    label("ID 2", "value", 1),
)
