"""Plans of training, and what asks for more memory than there is."""

import jax
import pytest
from support.run_folders import tiny_config

from kscale.runs import devices
from kscale.runs.devices import explain_memory, plan_training
from kscale.runs.task import prepare


@pytest.mark.parametrize(
    ("field", "value"),
    [("data__batch", 10**6), ("data__context", 10**5), ("model__heads", 1024)],
)
def test_what_cannot_fit_is_refused_before_any_work(tiny, field, value, monkeypatch):
    monkeypatch.setattr(devices, "device_memory", lambda: 15 * 10**9)
    task = prepare(tiny_config(tiny, **{field: value, "model__head_size": 512}))
    with pytest.raises(ValueError, match=r"out of memory: .* device has 15 GB: take"):
        plan_training(task)
    monkeypatch.setattr(devices, "device_memory", lambda: 0)  # not known
    plan_training(task)


@pytest.mark.parametrize(
    "error", [MemoryError(), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 GB")]
)
def test_memory_that_runs_out_is_a_line_that_says_what_to_lower(tiny, error):
    line = r"out of memory with data.batch=4, data.context=128, .*: take a smaller"
    with pytest.raises(ValueError, match=line), explain_memory(tiny_config(tiny)):
        raise error
    other = jax.errors.JaxRuntimeError("INTERNAL: a mistake")
    with (
        pytest.raises(RuntimeError, match="INTERNAL"),
        explain_memory(tiny_config(tiny)),
    ):
        raise other
