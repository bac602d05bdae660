"""The private parts of torch that make training faster, each with a public fallback where torch lacks it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, optim

Closure = Callable[[], Tensor]
Update = Callable[[Closure], Tensor]

# Methods of an optimizer that import torch's compiler, which takes seconds, only to be excluded from compilation.
UNCOMPILED = ("state_dict", "load_state_dict", "zero_grad", "add_param_group")

aten = torch.ops.aten
ADAM_KERNELS = {name: getattr(torch, f"_fused_{name}_", None) for name in ("adam", "adamw")}
# Of an activation: (gradient with respect to its output, output, …) → gradient with respect to its input.
DERIVATIVES: dict[str, Callable[..., Tensor]] = {
    "threshold_backward": lambda grad, output, threshold: grad.masked_fill(output <= threshold, 0),
    "leaky_relu_backward": lambda grad, output, leak, _: torch.where(output > 0, grad, grad * leak),
    "sigmoid_backward": lambda grad, output: grad * (1 - output) * output,
    "tanh_backward": lambda grad, output: grad * (1 - output * output),
}


def derivative(name: str) -> Callable[..., Tensor]:
    """Torch's kernel for one of DERIVATIVES, which makes no intermediate tensors; else its formula."""
    kernel: Callable[..., Tensor] = getattr(aten, name, DERIVATIVES[name])
    return kernel


def linear_relu(dtype: torch.dtype) -> Callable[[Tensor, Tensor, Tensor], Tensor] | None:
    """The kernel of relu(inputs · weightᵀ + bias) of oneDNN on the CPU; None where it is missing."""
    kernel = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if kernel is None or dtype not in (torch.float32, torch.bfloat16):
        return None
    one = torch.ones(1, 1, dtype=dtype)
    try:
        kernel(one, one, one[0], "relu", [], "")
    except RuntimeError:  # a processor or a build without it
        return None
    return lambda inputs, weight, bias: kernel(inputs, weight, bias, "relu", [], "")


def skip_compiler() -> None:
    """Let optimizers be built and saved without importing the compiler.

    Torch caches a method's uncompiled version in an attribute, which is set here to the method itself. A version of
    torch that caches it elsewhere imports the compiler.
    """
    for name in UNCOMPILED:
        method = inspect.unwrap(getattr(optim.Optimizer, name))
        method.__dict__.setdefault("__dynamo_disable", method)


def plain_step(optimizer: optim.Optimizer) -> Update:
    """The optimizer's `step` without its wrappers for profiling, hooks and compilation."""
    step: Callable[[optim.Optimizer, Closure], Tensor] = inspect.unwrap(type(optimizer).step)

    def update(closure: Closure) -> Tensor:
        with torch.no_grad():
            return step(optimizer, closure)

    return update


def fused_adam(optimizer: optim.Adam) -> Update:
    """The kernel of a fused Adam or AdamW on the CPU; the optimizer keeps the state and the settings.

    Its results equal those of the optimizer's `step` to the bit, in less than half of the time for a tiny network.
    """
    kernel = ADAM_KERNELS["adamw" if isinstance(optimizer, optim.AdamW) else "adam"]
    first_step = plain_step(optimizer)
    if kernel is None:
        return first_step

    def update(closure: Closure) -> Tensor:
        if not optimizer.state:
            return first_step(closure)
        cost = closure()
        with torch.no_grad():
            for group in optimizer.param_groups:
                _update_group(kernel, group, [optimizer.state[p] for p in group["params"]])
        return cost

    return update


def adamw_update(group: dict[str, Any], states: list[dict[str, Tensor]]) -> None:
    """AdamW's update of a group's parameters, whose `grad` is set.

    states : of each parameter: "step", a scalar, and the running means "exp_avg" and "exp_avg_sq"
    """
    kernel = ADAM_KERNELS["adamw"]
    if kernel is not None and group["params"][0].device.type in ("cpu", "cuda"):
        _update_group(kernel, group, states)
        return
    (beta1, beta2), lr, decay, eps = group["betas"], group["lr"], group["weight_decay"], group["eps"]
    for parameter, state in zip(group["params"], states, strict=True):
        state["step"] += 1
        mean = state["exp_avg"].lerp_(parameter.grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(parameter.grad, parameter.grad, value=1 - beta2)
        step = float(state["step"])
        size = (square / (1 - beta2**step)).sqrt_().add_(eps)
        parameter.mul_(1 - lr * decay).addcdiv_(mean, size, value=-lr / (1 - beta1**step))


def _update_group(kernel: Callable[..., None], group: dict[str, Any], states: list[dict[str, Tensor]]) -> None:
    steps = [state["step"] for state in states]
    for step in steps:
        step += 1
    beta1, beta2 = group["betas"]
    kernel(
        group["params"],
        [p.grad for p in group["params"]],
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        steps,
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )
