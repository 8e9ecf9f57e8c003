"""The PyTorch side of `tools/bench_step.py`: the same model, batch and optimizer.

GPT-2's block with rotary positions as one would write it in PyTorch for speed: fused
attention, fused AdamW, gradients set to None. Imported only where torch is wanted.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from kscale.models import ModelConfig
from kscale.train import TrainConfig


class Block(nn.Module):
    """Pre-norm attention and MLP."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.up = nn.Linear(width, config.hidden)
        self.down = nn.Linear(config.hidden, width)

    def forward(self, x, cos, sin):
        """Maps [B, T, D] to [B, T, D]."""
        rows, length, width = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(rows, length, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(out.transpose(1, 2).reshape(rows, length, width))
        hidden = F.gelu(self.up(self.mlp_norm(x)), approximate="tanh")
        return x + self.down(hidden)


class Transformer(nn.Module):
    """GPT-2 with rotary positions and a tied output; returns the mean loss."""

    def __init__(self, config: ModelConfig, length: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(config.vocab, config.width)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.final_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        frequencies = torch.arange(0, config.rotary_size, 2) / config.rotary_size
        angles = torch.arange(length)[:, None] * config.rotary_base**-frequencies
        cos, sin = angles.cos(), angles.sin()
        self.register_buffer("cos", torch.cat([cos, cos], 1))
        self.register_buffer("sin", torch.cat([-sin, sin], 1))

    def forward(self, tokens, targets):
        """Returns the mean of `-log p` in nats of two arrays [B, T]."""
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        logits = self.final_norm(x) @ self.embed.weight.T
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def _rotate(x, cos, sin):
    turned, rest = x[..., : cos.shape[1]], x[..., cos.shape[1] :]
    swapped = turned.roll(cos.shape[1] // 2, dims=-1)
    return torch.cat([turned * cos + swapped * sin, rest], -1)


class Trainer:
    """Trains a copy of kscale's model on given batches.

    Args:
      config: a GPT-2 of kscale.
      train: gives AdamW's numbers.
      params: kscale's initial parameters, copied.
      tokens: [K, B, T+1], the batches, used over and over.
      compiled: whether through `torch.compile`.
    """

    def __init__(
        self,
        config: ModelConfig,
        train: TrainConfig,
        params: dict,
        tokens: np.ndarray,
        compiled: bool,
    ) -> None:
        self.tokens = torch.from_numpy(tokens).long()
        self.clip = train.clip
        self.model = Transformer(config, tokens.shape[-1] - 1)
        _copy(params, self.model)
        self.loss = torch.compile(self.model) if compiled else self.model
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=train.learning_rate,
            betas=(train.b1, train.b2),
            eps=train.eps,
            weight_decay=train.weight_decay,
            fused=True,
        )

    def __call__(self) -> float:
        """Trains on every batch once; returns the loss of the first, in nats."""
        losses = []
        for batch in self.tokens:
            loss = self.loss(batch[:, :-1], batch[:, 1:])
            loss.backward()
            if self.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            losses.append(loss.detach())
        return float(losses[0])


def _copy(params: dict, model: Transformer) -> None:
    def tensor(x):
        return torch.from_numpy(np.array(x))

    def linear(module, source):
        module.weight.copy_(tensor(source["kernel"]).T)
        module.bias.copy_(tensor(source["bias"]))

    def norm(module, source):
        module.weight.copy_(tensor(source["scale"]))
        module.bias.copy_(tensor(source["bias"]))

    with torch.no_grad():
        model.embed.weight.copy_(tensor(params["embed"]["table"]))
        norm(model.final_norm, params["final_norm"])
        for i, layer in enumerate(model.layers):
            source = params[f"layer_{i}"]
            norm(layer.attention_norm, source["attention_norm"])
            norm(layer.mlp_norm, source["mlp_norm"])
            linear(layer.qkv, source["attention"]["qkv"])
            linear(layer.out, source["attention"]["out"])
            linear(layer.up, source["mlp"]["up"])
            linear(layer.down, source["mlp"]["down"])
