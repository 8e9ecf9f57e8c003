"""A tiny model, endless batches and runs of them, for the trainer's tests."""

import dataclasses
import hashlib
import os
import resource
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np

from kscale import files, models, train

TOTAL = 22  # steps of `run`: six dispatches of four steps, two of them padding
VOCAB, WIDTH, CONTEXT, ROWS = 13, 8, 6, 4
LABELS = ("text", "name", "value")
CONFIG = train.TrainConfig(
    learning_rate=1e-2,
    weight_decay=0.1,
    warmup_steps=4,
    rows_per_gradient=ROWS,
    steps_per_dispatch=4,
    checkpoint_every=8,
)


def init(key):
    """A table and one matrix with bias."""
    table, kernel = jax.random.normal(key, (2, VOCAB, WIDTH)) * 0.3
    return {
        "embed": {"table": table},
        "up": {"kernel": kernel[:WIDTH], "bias": jnp.zeros(WIDTH)},
    }


def token_nats(params, tokens_BT, targets_BT, segments_BT):
    """A bigram model; segments shift the input by their number."""
    x = params["embed"]["table"][tokens_BT]
    if segments_BT is not None:
        x = x + 0.1 * segments_BT[..., None]
    x = jnp.tanh(x @ params["up"]["kernel"] + params["up"]["bias"].reshape(1, 1, -1))
    log_p = jax.nn.log_softmax(x @ params["embed"]["table"].T)
    return -jnp.take_along_axis(log_p, targets_BT[..., None], axis=-1)[..., 0], {}


OBJECTIVE = train.Objective(init, token_nats, {"vocab": VOCAB, "width": WIDTH})


def batch(step, rows=ROWS, seed=0, segments=False):
    """One batch, a function of (seed, step)."""
    rng = np.random.default_rng([seed, step])
    shape = (rows, CONTEXT + 1)
    labels = rng.integers(0, len(LABELS), shape).astype(np.uint8)
    labels[rng.random(shape) < 0.2] = 255
    arrays = {"tokens": rng.integers(0, VOCAB, shape).astype(np.int32)}
    arrays["labels"] = labels
    if segments:
        arrays["segments"] = np.sort(rng.integers(0, 3, shape), axis=1).astype(np.int32)
    return arrays


def batches(stop=10**6, **options):
    """What `fit` reads."""
    return train.stack_steps(lambda step: batch(step, **options), stop)


def mixture(**fields):
    """A transformer of four experts, with adapters beside some weights."""
    fields = {"experts": 4, "mlp_width": 1.0, "capacity_factor": 1.0} | fields
    lora = models.Lora(rules=("*/up/kernel:2", "embed/table:1"))
    return models.from_name(f"GPT2-1-1x{WIDTH}", vocab=VOCAB, lora=lora, **fields)


def run(folder=None, total=TOTAL, config=CONFIG, source=None, **options):
    """Fits the stand-in, or another `model`."""
    options = {"model": OBJECTIVE, "labels": LABELS, "folder": folder} | options
    model = options.pop("model")
    return train.fit(model, config, source or batches(), total, **options)


def fit_shared(devices):
    """The losses of runs that eight devices share in all ways, or of one device."""
    hypers = [train.Hyper(1e-2 / (m + 1), 0.1, m) for m in range(8)]
    members = {"hyper": train.stack_hypers(hypers)}
    experts = {"model": mixture()}
    dropless = {"model": mixture(top_k=2, capacity_factor=0.0)}
    config = dataclasses.replace(CONFIG, rows_per_gradient=1)
    found = {}
    for name, sizes, options, shape in (
        ("data", (1, 8, 1), {}, (8, 8)),
        ("model", (1, 4, 2), {}, (8, 4)),
        ("population", (8, 1, 1), members, (1, 8, 8)),
        ("both", (2, 4, 1), members, (4, 8, 8)),
        ("experts", (1, 2, 1, 4), experts, (1, 8, 8)),
        ("dropless", (1, 2, 1, 4), dropless, (1, 8, 8)),
        ("experts of members", (2, 1, 1, 4), experts | members, (4, 1, 8, 8)),
    ):
        mesh = train.make_mesh(*sizes) if devices > 1 else None
        result = run(None, 8, config, batches(rows=8), mesh=mesh, **options)
        params = result.state["params"]
        up = params["layer_0"]["mlp"]["up"] if "model" in options else params["up"]
        shard = up["kernel"].addressable_shards[0].data.shape
        assert devices == 1 or shard == shape, name
        found[name] = [row["loss"] for row in result.rows]
    return found


def stop_after(step):
    """A callback that sends SIGTERM to this process."""
    return lambda row: row["step"] == step and os.kill(os.getpid(), signal.SIGTERM)


def read_rows(folder):
    """The rows of a run's log, without what depends on the clock."""
    timings = ("seconds", "tokens_per_second")
    rows = files.read_rows(folder / "metrics.jsonl")
    return [{name: row[name] for name in row if name not in timings} for row in rows]


def assert_close(one, other, tolerance=1e-6):
    """Checks that two trees are alike."""
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance),
        one,
        other,
    )


def digest(state):
    """Hash of every bit of a state."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(jax.device_get(state))
    text = b"".join(str(path).encode() + np.asarray(x).tobytes() for path, x in leaves)
    return hashlib.sha256(text).hexdigest()


def train_40(folder, full_after=0):
    """Trains 40 steps, printing the step of each row; from one on the disk is full."""

    def on_row(row):
        print(row["step"], flush=True)
        if row["step"] == int(full_after):  # from here on no file may have 20 KB
            time.sleep(0.5)  # for the checkpoint before to be complete
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    run(folder, 40, resume=True, on_row=on_row)
