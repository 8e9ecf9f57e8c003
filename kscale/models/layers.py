"""What blocks are made of: norms, matrix products, activations, sums.

Backward passes are laid out for speed. Axes: N tokens, D width, I inputs, O outputs.
"""

import jax
import jax.numpy as jnp

from kscale.models.config import ModelConfig


def normalize(x: jax.Array, kind: str, eps: float) -> jax.Array:
    """Computes `(x - mean) / sqrt(var + eps)`, or `x / sqrt(mean(x^2) + eps)`.

    The first where `kind` is `"layer"`, the second where it is `"rms"`; over the last
    axis, in float32.
    """
    return _normalize(x, kind, eps)[0]


def norm(
    x_ND: jax.Array,
    scale_D: jax.Array | None,
    bias_D: jax.Array | None,
    kind: str,
    eps: float,
) -> jax.Array:
    """Computes `normalize(x) * scale + bias`, each left out where None."""
    return _norm(x_ND, scale_D, bias_D, kind, eps)


def _norm_forward(x_ND, scale_D, bias_D, kind, eps):
    unit, inverse = _normalize(x_ND, kind, eps)
    return _affine(unit, scale_D, bias_D), (unit, inverse, scale_D, bias_D)


def _norm_backward(kind, eps, saved, grad_ND):
    del eps
    unit, inverse, scale_D, bias_D = saved
    grad_bias = None if bias_D is None else column_sums(grad_ND)
    grad_scale = None if scale_D is None else column_sums(grad_ND * unit)
    grad = grad_ND if scale_D is None else grad_ND * scale_D[None]
    along = _row_means(grad * unit)
    mean = _row_means(grad) if kind == "layer" else 0.0
    return inverse * (grad - mean - unit * along), grad_scale, grad_bias


_norm = jax.custom_vjp(lambda *args: _norm_forward(*args)[0], nondiff_argnums=(3, 4))
_norm.defvjp(_norm_forward, _norm_backward)


def _normalize(x, kind, eps):
    x = x.astype(jnp.float32)
    if kind == "layer":
        x = x - _row_means(x)
    inverse = jax.lax.rsqrt(_row_means(jnp.square(x)) + eps)
    return x * inverse, inverse


def _affine(out, scale_D, bias_D):
    if scale_D is not None:
        out = out * scale_D[None]
    return out if bias_D is None else out + bias_D[None]


def _row_means(x):
    return row_sums(x) / x.shape[-1]


def linear(
    x_NI: jax.Array,
    kernel_IO: jax.Array,
    bias_O: jax.Array | None,
    dtype: str = "float32",
) -> jax.Array:
    """Computes `x W + b`: [N, O], products and result in `dtype`.

    Weights and biases are float32, and so are their gradients.
    """
    return _linear(x_NI, kernel_IO, bias_O, dtype)


def _linear_forward(x_NI, kernel_IO, bias_O, dtype):
    out = x_NI.astype(dtype) @ kernel_IO.astype(dtype)
    if bias_O is not None:
        out = out + bias_O.astype(dtype)[None]
    return out, (x_NI, kernel_IO, bias_O)


def _linear_backward(dtype, saved, grad_NO):
    x_NI, kernel_IO, bias_O = saved
    grad_x = dot(grad_NO, kernel_IO.astype(dtype), 1, 1).astype(x_NI.dtype)
    grad_kernel = outer(x_NI.astype(dtype), grad_NO)
    if bias_O is None:
        return grad_x, grad_kernel, None
    return grad_x, grad_kernel, column_sums(grad_NO)


_linear = jax.custom_vjp(lambda *args: _linear_forward(*args)[0], nondiff_argnums=(3,))
_linear.defvjp(_linear_forward, _linear_backward)


def dot(a: jax.Array, b: jax.Array, axis_a: int, axis_b: int) -> jax.Array:
    """Multiplies two matrices over one axis of each, into float32."""
    return jax.lax.dot_general(
        a, b, (((axis_a,), (axis_b,)), ((), ())), preferred_element_type=jnp.float32
    )


def outer(x_NI: jax.Array, grad_NO: jax.Array) -> jax.Array:
    """Computes `x^T grad` as the product whose rows are fewer.

    On CPUs [64, 256] = [512, 64]^T [512, 256] ran at 91 GFLOP/s, [256, 64] at 55.
    """
    if x_NI.shape[1] <= grad_NO.shape[1]:
        return dot(x_NI, grad_NO, 0, 0)
    # The barrier keeps the compiler from folding the transpose into the product.
    return jax.lax.optimization_barrier(dot(grad_NO, x_NI, 0, 0)).T


def column_sums(x_NO: jax.Array) -> jax.Array:
    """Sums rows into float32 as a product: on CPUs 1.3 times as fast as a reduction.

    So are sums along rows, here and in norms and attention; `"highest"` keeps them
    float32 where the hardware would round the factors.
    """
    ones = jnp.ones((1, x_NO.shape[0]), jnp.float32)
    return jnp.matmul(ones, x_NO.astype(jnp.float32), precision="highest")[0]


def row_sums(x: jax.Array) -> jax.Array:
    """Sums the last axis, kept with length 1, into float32."""
    ones = jnp.ones((*x.shape[:-2], x.shape[-1], 1), jnp.float32)
    return jnp.matmul(x.astype(jnp.float32), ones, precision="highest")


_ACTIVATIONS = {
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "relu2": lambda x: jnp.square(jax.nn.relu(x)),
}


def activate(config: ModelConfig, x: jax.Array) -> jax.Array:
    """Computes `act(x)`; gated, `act(first half) * second half` of the last axis.

    Maps what the first matrix gave, [..., hidden], gated [..., 2 hidden], to
    [..., hidden] of the same dtype.
    """
    activation = _ACTIVATIONS[config.activation]
    if config.mlp != "gated":
        return activation(x)
    gate, x = jnp.split(x, 2, axis=-1)
    return activation(gate) * x
