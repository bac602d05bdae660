"""The training loop: a training is a sequence of epochs, an epoch a sequence of optimizer steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mlcli.io.row_file import RowFile
from mlcli.training.callbacks import Callback, StopRule
from mlcli.training.context import SCORING_BATCH, TrainingContext
from mlcli.training.datasets import FileDataset, Rows, TensorDataset
from mlcli.training.optimizers import clip_gradients, limit_norms, lr_factor, penalty
from mlcli.training.state import EpochRecord, Stopped, TrainingState, derive_seed
from mlcli.training.waiting import waiting_by_load
from mlcli.training.windows import WindowedOrder

# Seconds between two calls of on_batch_end.
TICK_SECONDS = 0.1
# Validation rows that are scored to estimate the time for all of them.
SCORED = 8 * SCORING_BATCH
# Inputs that are read, or converted to the precision of the weights, at a time, at most: 8 MiB.
CONVERTED = 2**21


@dataclass(frozen=True)
class TrainedModel:
    """The network with its best weights, the last state, and why training stopped.

    diverged_step : the first step with a non-finite loss, when stopped is "diverged"
    """

    model: nn.Module
    state: TrainingState
    stopped: Stopped
    diverged_step: int | None = None


def new_state(context: TrainingContext) -> TrainingState:
    """The state before the first step."""
    return TrainingState(losses=torch.zeros(context.steps_per_epoch, device=context.device))


def train_model(
    context: TrainingContext,
    state: TrainingState,
    callbacks: Sequence[Callback] = (),
    stop_rules: Sequence[StopRule] = (),
    interrupted: Callable[[], bool] = lambda: False,
) -> TrainedModel:
    """Minimise the context's cost from `state` on, which is updated in place.

    Ends after the last epoch, when a stop rule says so, after a step when `interrupted` returns true, or at the end of
    an epoch with a non-finite loss.
    """
    context.processes.require_same("weights", context.model.state_dict().values())
    for callback in callbacks:
        callback.on_train_begin(context, state)
    end: tuple[Stopped, int | None] | None = None
    with waiting_by_load(context.threads):
        while end is None and state.epoch < context.config.training.epochs:
            early = any(rule.should_stop(state) for rule in stop_rules)
            end = ("early", None) if early else run_epoch(context, state, callbacks, interrupted)
    stopped, diverged_step = end or ("finished", None)
    if stopped == "interrupted":
        context.processes.require_same("weights", context.model.state_dict().values())
    for callback in callbacks:
        callback.on_train_end(context, state, stopped)
    if state.best:
        context.model.load_state_dict(state.best)
    return TrainedModel(context.model, state, stopped, diverged_step)


def run_epoch(
    context: TrainingContext,
    state: TrainingState,
    callbacks: Sequence[Callback] = (),
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[Stopped, int | None] | None:
    """Run the steps left in the current epoch and close it: None; or why training ends here, and the diverged step."""
    order = row_order(context, state.epoch)
    next_tick = time.monotonic() + TICK_SECONDS
    while state.batch < context.steps_per_epoch:
        optimizer_step(context, state, take_batch(context, order, state.batch))
        if (now := time.monotonic()) >= next_tick:
            next_tick = now + TICK_SECONDS
            for callback in callbacks:
                callback.on_batch_end(context, state)
        if interrupted():
            return "interrupted", None
    bad = ~torch.isfinite(state.losses)
    if bool(bad.any()):
        return "diverged", state.step - context.steps_per_epoch + int(bad.int().argmax()) + 1
    close_epoch(context, state, callbacks)
    return None


def optimizer_step(context: TrainingContext, state: TrainingState, batch: TensorDataset) -> None:
    """One update of the parameters: forward pass, cost, gradients, update."""
    config = context.config
    state.lr = context.lr * lr_factor(
        config.optimizer.schedule, state.step, context.steps_per_epoch, context.total_steps, state.history
    )
    for group in context.optimizer.param_groups:
        group["lr"] = state.lr

    seed = derive_seed(config.seed, state.step)
    x = batch.x if context.augment is None else context.augment(batch.x, seed)

    def cost() -> Tensor:
        value = context.gradients.compute_gradients(x, batch.y, seed, batch.weights)
        state.losses[state.batch] = value
        if config.loss.reduction == "sum":
            value = sum_over_rows(context, value, len(batch) * context.mean_weight)
        extra = penalty(config.optimizer, context.model)
        if extra is not None:
            extra.backward()  # type: ignore[no-untyped-call]
            value = value + extra.detach()
        if config.training.clip_norm is not None:
            clip_gradients(context.gradients.parameters.together, config.training.clip_norm)
        return value

    context.update(cost)
    if config.model.max_norm is not None:
        limit_norms(context.model, config.model.max_norm)
    state.step += 1
    state.batch += 1
    if config.training.average is not None:
        update_average(state, context.model, config.training.average)


def sum_over_rows(context: TrainingContext, mean: Tensor, n_rows: float) -> Tensor:
    """The sum of the rows' losses, from their mean; the gradients, which are the mean's, become the sum's.

    n_rows : times their mean weight
    """
    for parameter in context.gradients.parameters.together:
        if parameter.grad is not None:
            parameter.grad.mul_(n_rows)
    return mean * n_rows


@torch.no_grad()
def update_average(state: TrainingState, model: nn.Module, decay: float) -> None:
    """Move the average of the parameters towards their values after this step."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    for name, parameter in model.named_parameters():
        if name in state.average:
            state.average[name].lerp_(parameter, 1 - decay)
        else:
            state.average[name] = parameter.detach().clone()


@contextmanager
def averaged_weights(context: TrainingContext, state: TrainingState) -> Iterator[None]:
    """Within it the network has the averaged parameters, where there are any."""
    if not state.average:
        yield
        return
    own = {name: context.model.get_parameter(name).detach().clone() for name in state.average}
    context.model.load_state_dict(state.average, strict=False)
    yield
    context.model.load_state_dict(own, strict=False)


def close_epoch(context: TrainingContext, state: TrainingState, callbacks: Sequence[Callback]) -> None:
    """Measure the epoch, keep the weights if they are the best so far, and call the callbacks."""
    with averaged_weights(context, state):
        record = _keep_best(context, state)
    context.processes.require_same("weights", context.model.state_dict().values())
    for callback in callbacks:
        callback.on_epoch_end(context, state, record)


def _keep_best(context: TrainingContext, state: TrainingState) -> EpochRecord:
    train_loss, has_rows = mean_loss(context, state), len(context.valid) > 0
    valid_loss, metrics = context.processes.share(lambda: score(context, context.valid)) if has_rows else (None, {})
    state.epoch += 1
    state.batch = 0
    record = EpochRecord(state.epoch, state.step, state.lr, train_loss, valid_loss, metrics)
    state.history.append(record)
    watched = record.valid_score(context.watch)
    improved = math.isfinite(watched) and context.improves(watched, state.best_score)
    keeps_last = valid_loss is None or context.config.training.keep == "last"
    if improved or keeps_last or not state.best:
        state.best_score, state.best_epoch = watched if math.isfinite(watched) else None, state.epoch
        state.best = {name: tensor.clone() for name, tensor in context.model.state_dict().items()}
    return record


@torch.inference_mode()
def outputs_of(context: TrainingContext, x: Tensor | RowFile) -> Tensor:
    """The network's raw outputs for all rows, (n, n_outputs), without dropout: on the CPU those of predictions."""
    if context.device.type == "cpu":
        network, dtype = context.model.fitted(), next(context.model.parameters()).dtype
        return join_parts((torch.from_numpy(network.outputs(part.to(dtype).numpy())) for part in parts_of(x)), len(x))
    model, exact = context.model.eval(), context.precision is torch.float32
    with nullcontext() if exact else torch.autocast(context.device.type, dtype=context.precision):
        return join_parts((model(part) for part in parts_of(x, context.scoring_batch)), len(x))


def join_parts(parts: Iterator[Tensor], n_rows: int) -> Tensor:
    """All parts, n_rows together, in memory that is taken at once: small parts that stay would split what is freed."""
    joined, at = torch.empty(0), 0
    for part in parts:
        joined = joined if at else part.new_empty((n_rows, *part.shape[1:]))
        joined[at : at + len(part)] = part
        at += len(part)
    return joined


def parts_of(x: Tensor | RowFile, step: int | None = None) -> Iterator[Tensor]:
    """At most so many rows at a time, or as many as CONVERTED allows; no rows are one part.

    A part of a file is there until the next one is.
    """
    step = step or max(1, CONVERTED // max(1, x.shape[1]))
    if isinstance(x, RowFile):
        return x.portions(step)
    return (x[start : start + step] for start in range(0, max(1, len(x)), step))


def score(context: TrainingContext, rows: Rows) -> tuple[float, dict[str, float]]:
    """Cost (without penalties) and metrics over all rows."""
    outputs = outputs_of(context, rows.x)
    weights = None if rows.weights is None else rows.weights.cpu().double().numpy()
    return context.cost(outputs, rows.y, rows.weights).item(), context.scorer(outputs.cpu(), rows.y.cpu(), weights)


def best_scores(context: TrainingContext, state: TrainingState, rows: Rows) -> dict[str, float]:
    """Cost and metrics of the best weights, once the network has them; empty without such, or without rows."""
    if not state.best_epoch or not len(rows):
        return {}
    loss, metrics = score(context, rows)
    return {"loss": loss, **metrics}


def row_order(context: TrainingContext, epoch: int) -> Tensor | WindowedOrder | None:
    """Indices of the training rows in the order of this epoch, or their windows; None for their own order in memory."""
    shuffle, seed = context.config.training.shuffle, derive_seed(context.config.seed, epoch)
    if isinstance(context.train, FileDataset) and context.steps_per_epoch > 1:
        return WindowedOrder(context.train, context.windows, seed if shuffle else None)
    if not shuffle or context.steps_per_epoch == 1:
        return None
    generator = torch.Generator().manual_seed(seed)
    n_rows = len(context.train)
    narrow = torch.int32 if n_rows < 2**31 else torch.int64  # the same order in half the memory
    return torch.randperm(n_rows, generator=generator, dtype=narrow).to(context.device)


def take_batch(context: TrainingContext, order: Tensor | WindowedOrder | None, batch: int) -> TensorDataset:
    """The rows of one step."""
    is_last = batch == context.steps_per_epoch - 1
    span = slice(batch * context.batch_size, len(context.train) if is_last else (batch + 1) * context.batch_size)
    if isinstance(order, WindowedOrder):
        return order.take(span.start, span.stop)
    return context.train[span] if order is None else context.train.at(order[span])


def mean_loss(context: TrainingContext, state: TrainingState) -> float:
    """Mean over the epoch's rows so far; the last batch may have another size than the others."""
    sizes = torch.full((state.batch,), float(context.batch_size))
    if state.batch == context.steps_per_epoch:
        sizes[-1] = len(context.train) - (context.steps_per_epoch - 1) * context.batch_size
    losses = state.losses[: state.batch].double().cpu()
    return ((losses * sizes).sum() / sizes.sum()).item() if state.batch else math.nan


@dataclass(frozen=True)
class StepTiming:
    """Seconds of one step, and of an epoch's end, where the validation rows are scored."""

    step: float
    closing: float

    def epoch(self, context: TrainingContext) -> float:
        """Seconds of an epoch."""
        return context.steps_per_epoch * self.step + self.closing


def measure_step_time(
    context: TrainingContext, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> StepTiming:
    """Time real steps for about this long, at least two; they change the context's network.

    clock : seconds since any moment
    """
    state, order = new_state(context), row_order(context, 0)
    some = context.valid[:SCORED]
    sampled = replace(context, valid=some)

    def step() -> None:
        state.batch %= context.steps_per_epoch
        optimizer_step(context, state, take_batch(context, order, state.batch))

    def close() -> None:
        state.batch = context.steps_per_epoch
        close_epoch(sampled, state, ())

    def now() -> float:
        if context.device.type == "cuda":  # which works asynchronously
            torch.cuda.synchronize(context.device)
        return clock()

    with waiting_by_load(context.threads):
        each, closing = _mean_time(now, step, seconds), _mean_time(now, close, 0.0)
    return StepTiming(each, closing * max(1.0, len(context.valid) / max(1, len(some))))


def _mean_time(now: Callable[[], float], action: Callable[[], None], seconds: float) -> float:
    """Seconds of an action, repeated for this long, at least once, after a first call that allocates memory."""
    action()
    n, elapsed, started = 0, 0.0, now()
    while not n or elapsed < seconds:
        action()
        n, elapsed = n + 1, now() - started
    return elapsed / n
