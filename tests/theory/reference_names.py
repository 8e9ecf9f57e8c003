"""The papers' other names for what the adapters read, and a check that they read it.

A file of reference values may name any parameter of a formula, and by any of its names.
An adapter that overlooked one would pass with the default: so each name that an adapter
did not read fails.
"""

NAMES = {  # also written: read as
    "d_t": "d",
    "varsigma": "sigma",
    "epsilon": "eps",
    "d_r": "a",
    "ratio": "c_ratio",
    "T_over_R": "c_ratio",
    "P_b": "Pb",
    "S_l": "S",
    "eta_l": "eta",
    "sigma_l": "prerequisites",
    "s_l": "prerequisites",
    "b_k": "b",
    "a_k": "a",
    "p_k": "p",
    "log_A": "logA",
    "log_K": "logK",
    "l_knw": "L_knw",
    "l_syn": "L_syn",
}


class Inputs(dict):
    """Inputs by the names of the adapters, which remembers what is read."""

    def __init__(self, given):
        super().__init__({NAMES.get(name, name): given[name] for name in given})
        if len(self) < len(given):
            raise AssertionError(f"one parameter by two names: {sorted(given)}")
        self.unread = set(self)

    def __getitem__(self, name):
        self.unread.discard(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.unread.discard(name)
        return super().get(name, default)

    def some(self, *names, **renamed):
        """Those of the names that are given; of `theirs="ours"` under our name."""
        table = dict(zip(names, names, strict=True)) | renamed
        return {ours: self[theirs] for theirs, ours in table.items() if theirs in self}

    def idle(self, *names):
        """These, if given, have no effect on the formula."""
        self.unread -= set(names)


def by_name(adapters):
    """The adapters behind one table of names."""

    def behind(adapter):
        def call(inputs, outputs):
            inputs = Inputs(inputs)
            found = adapter(inputs, outputs)
            unread = sorted(inputs.unread)
            assert not unread, f"no adapter reads {', '.join(unread)}"
            return found

        return call

    return {prefix: behind(adapter) for prefix, adapter in adapters.items()}
