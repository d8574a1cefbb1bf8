"""A projected, clipped LSTM over a chunk of time, with a hand-written gradient.

Autograd over single steps would spend most of its time on small tensors and
add up the weight gradients step by step. Here each step does only what depends
on the step before it; everything else is one matrix product over the chunk.

Matrix products may take their factors in bfloat16, at twice the speed on CPUs
that have it; sums, gates, states, clips and the parameters stay in float32.
"""

from typing import Any

import torch
from torch import Tensor, nn

from recipe.options import ModelOptions

# (gradient, result of the function, grad_input=where to write)
_sigmoid_gradient = torch.ops.aten.sigmoid_backward.grad_input
_tanh_gradient = torch.ops.aten.tanh_backward.grad_input


class _ClippedLstm(torch.autograd.Function):
    """x [T, B, P] -> h [T, B, P], c [T, B, H]; both clipped.

    weight [2P, 4H] in gate order i, j, f, o; the forget gate's + 1 is added
    here, not stored in the bias. factors: the type of what is multiplied.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, h0: Tensor, c0: Tensor, weight: Tensor,
                bias: Tensor, projection: Tensor, cell_clip: float,
                projection_clip: float, factors: torch.dtype
                ) -> tuple[Tensor, Tensor]:
        steps, batch, p = x.shape
        hidden = projection.shape[0]
        # tanh(x) = 2 sigmoid(2 x) - 1, and sigmoid is the faster function: the
        # candidate's columns are doubled before the product.
        scaled = weight.clone()
        scaled[:, hidden:2 * hidden] *= 2
        shifted = bias.clone()
        shifted[hidden:2 * hidden] *= 2
        shifted[2 * hidden:3 * hidden] += 1
        scaled, narrow = scaled.to(factors), projection.to(factors)
        gates = torch.mm(x.reshape(-1, p).to(factors), scaled[:p]) + shifted
        gates = gates.view(steps, batch, 4 * hidden)
        recurrent = scaled[p:]
        h = x.new_empty(steps, batch, p)
        c = x.new_empty(steps, batch, hidden)
        tanh_c = x.new_empty(steps, batch, hidden)
        output = x.new_empty(steps, batch, hidden)
        h_t, c_t = h0, c0
        for t in range(steps):
            z = gates[t].add_(h_t.to(factors) @ recurrent).sigmoid_()
            i, j, f, o = z.chunk(4, dim=1)
            j.mul_(2).sub_(1)
            c_t = torch.mul(f, c_t, out=c[t]).addcmul_(i, j)
            c_t.clamp_(-cell_clip, cell_clip)
            torch.mul(c_t, 2, out=tanh_c[t]).sigmoid_().mul_(2).sub_(1)
            torch.mul(o, tanh_c[t], out=output[t])
            h_t = h[t].copy_(output[t].to(factors) @ narrow)
            h_t.clamp_(-projection_clip, projection_clip)
        ctx.save_for_backward(x, h0, c0, weight, projection, gates, h, c,
                              tanh_c, output)
        ctx.settings = (cell_clip, projection_clip, factors)
        ctx.mark_non_differentiable(c)
        return h, c

    @staticmethod
    def backward(ctx: Any, grad_h: Tensor, _: Tensor) -> tuple:
        (x, h0, c0, weight, projection, gates, h, c, tanh_c,
         output) = ctx.saved_tensors
        cell_clip, projection_clip, factors = ctx.settings
        steps, batch, p = x.shape
        hidden = projection.shape[0]
        weight, projection = weight.to(factors), projection.to(factors)
        projection_t, recurrent_t = projection.t(), weight[p:].t()
        dz = torch.empty_like(gates)
        dh_all = grad_h.clone()
        # Where a clip bites, nothing flows back.
        h_inside = (h.abs() < projection_clip).to(h.dtype)
        c_inside = (c.abs() < cell_clip).to(c.dtype)
        dc, scratch = torch.zeros_like(c0), torch.empty_like(c0)
        for t in reversed(range(steps)):
            i, j, f, o = gates[t].chunk(4, dim=1)
            dz_i, dz_j, dz_f, dz_o = dz[t].chunk(4, dim=1)
            dh = dh_all[t].mul_(h_inside[t])
            d_output = (dh.to(factors) @ projection_t).to(dh.dtype)
            torch.mul(d_output, tanh_c[t], out=scratch)
            _sigmoid_gradient(scratch, o, grad_input=dz_o)
            _tanh_gradient(d_output.mul_(o), tanh_c[t], grad_input=scratch)
            dc.add_(scratch).mul_(c_inside[t])
            torch.mul(dc, j, out=scratch)
            _sigmoid_gradient(scratch, i, grad_input=dz_i)
            torch.mul(dc, i, out=scratch)
            _tanh_gradient(scratch, j, grad_input=dz_j)
            torch.mul(dc, c[t - 1] if t else c0, out=scratch)
            _sigmoid_gradient(scratch, f, grad_input=dz_f)
            dc.mul_(f)
            if t:
                dh_all[t - 1].add_(dz[t].to(factors) @ recurrent_t)
        flat_dz = dz.view(-1, 4 * hidden)
        d_bias = flat_dz.sum(0)
        narrow_dz = flat_dz.to(factors)
        h_before = torch.cat([h0.unsqueeze(0), h[:-1]])
        inputs = torch.cat([x, h_before], dim=2).view(-1, 2 * p).to(factors)
        d_weight = (inputs.t() @ narrow_dz).to(x.dtype)
        d_projection = (output.view(-1, hidden).to(factors).t()
                        @ dh_all.view(-1, p).to(factors)).to(x.dtype)
        dx = (narrow_dz @ weight[:p].t()).to(x.dtype).view_as(x)
        return (dx, None, None, d_weight, d_bias, d_projection, None, None,
                None)


class LstmStack(nn.Module):
    """One direction: L layers; layers above the first add their input."""

    def __init__(self, options: ModelOptions, generator: torch.Generator,
                 factors: torch.dtype = torch.float32):
        super().__init__()
        self._factors = factors
        p, hidden = options.projection_dim, options.cell_dim
        self.options = options

        def uniform(rows: int, columns: int) -> nn.Parameter:
            bound = (6 / (rows + columns)) ** 0.5
            return nn.Parameter(
                torch.empty(rows, columns).uniform_(-bound, bound,
                                                    generator=generator))

        self.weights = nn.ParameterList(
            uniform(2 * p, 4 * hidden) for _ in range(options.layers))
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(4 * hidden)) for _ in range(options.layers))
        self.projections = nn.ParameterList(
            uniform(hidden, p) for _ in range(options.layers))

    def zero_state(self, batch: int) -> tuple[Tensor, Tensor]:
        """h [L, batch, P] and c [L, batch, H]."""
        o = self.options
        return (torch.zeros(o.layers, batch, o.projection_dim),
                torch.zeros(o.layers, batch, o.cell_dim))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]
                ) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        """x [T, B, P] -> the output of every layer, and the state after it."""
        outputs, last_h, last_c = [], [], []
        for layer in range(self.options.layers):
            h, c = _ClippedLstm.apply(
                x, state[0][layer], state[1][layer], self.weights[layer],
                self.biases[layer], self.projections[layer],
                self.options.cell_clip, self.options.projection_clip,
                self._factors)
            last_h.append(h[-1].detach())
            last_c.append(c[-1])
            x = h + x if layer else h
            outputs.append(x)
        return outputs, (torch.stack(last_h), torch.stack(last_c))
