"""What asks for more memory than there is, before and after it is taken."""

import jax
import pytest
from support.run_folders import tiny_config

from kscale.runs import devices, memory
from kscale.runs.devices import arrange, plan_training
from kscale.runs.memory import explain_memory
from kscale.runs.task import prepare


@pytest.mark.parametrize(
    ("field", "value"),
    [("data__batch", 10**6), ("data__context", 10**5), ("model__heads", 1024)],
)
def test_what_cannot_fit_is_refused_before_any_work(tiny, field, value, monkeypatch):
    monkeypatch.setattr(memory, "device_memory", lambda: 15 * 10**9)
    task = prepare(tiny_config(tiny, **{field: value, "model__head_size": 512}))
    monkeypatch.setattr(devices, "abstract_state", lambda *_: None)
    with pytest.raises(ValueError, match=r"out of memory: .* device has 15 GB: take"):
        arrange(task)
    needs = plan_training(task).memory  # for another machine
    assert needs.needed > needs.device == 15 * 10**9
    monkeypatch.setattr(memory, "device_memory", lambda: 0)  # not known
    arrange(task)


def test_what_gpus_alone_can_do_is_refused_elsewhere(tiny):
    with pytest.raises(ValueError, match="attention='cudnn' needs a GPU, this is"):
        arrange(prepare(tiny_config(tiny, model__attention="cudnn")))


def test_only_what_is_trained_has_a_gradient_and_moments(tiny, monkeypatch):
    rules = {"model__lora__rules": ("*/attention/query:2",)}
    whole = prepare(tiny_config(tiny, **rules))
    adapters = prepare(tiny_config(tiny, **rules, train__trainable=("lora/*",)))
    count = whole.parameters
    assert 0 < count.adapters < count.total
    assert plan_training(whole).memory.state == 16 * count.total
    needed = plan_training(adapters).memory
    assert needed.state == 4 * count.total + 12 * count.adapters
    have = int(needed.needed)
    monkeypatch.setattr(memory, "device_memory", lambda: have)
    assert arrange(adapters).memory.device == have
    with pytest.raises(ValueError, match="out of memory"):
        arrange(whole)


def test_batches_of_many_steps_are_counted(tiny, monkeypatch):
    def needs(steps, batch=4):
        config = tiny_config(
            tiny,
            data__exposures=10**4,
            data__batch=batch,
            train__steps_per_dispatch=steps,
        )
        return plan_training(prepare(config)).memory

    one = needs(1)
    assert one.batches == 2 * 4 * 129 * 5
    assert one.waiting == 6 * 4 * 129 * 5
    assert needs(1000)[3:5] == (1000 * one.batches, 1000 * one.waiting)
    config = tiny_config(tiny, data__exposures=10**4, train__steps_per_dispatch=1000)
    monkeypatch.setattr(memory, "_machine_memory", lambda: int(999 * one.waiting))
    with pytest.raises(ValueError, match=r"out of memory: batches .* take a smaller"):
        arrange(prepare(config))


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
