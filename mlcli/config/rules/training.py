"""Rules about how the cost is minimised."""

from collections.abc import Iterator

from mlcli.config.fault import Fault
from mlcli.config.optimizer import LbfgsConfig, SgdConfig
from mlcli.config.schema import Config


def training_clashes(config: Config) -> Iterator[Fault]:
    """Optimizer settings that need or exclude others."""
    optimizer, training = config.optimizer, config.training
    if isinstance(optimizer, SgdConfig) and optimizer.nesterov and optimizer.momentum == 0:
        message = "needs optimizer.momentum > 0, such as 0.9"
        yield Fault(("optimizer", "nesterov"), message, reads=(("optimizer", "momentum"),))
    if isinstance(optimizer, LbfgsConfig):
        if training.batch_size != "full":
            message = f'lbfgs needs training.batch_size: "full"; it is {training.batch_size}'
            yield Fault(("optimizer", "name"), message, reads=(("training", "batch_size"),))
        if training.clip_norm is not None:
            message = "lbfgs chooses its own step length; remove clip_norm, or use another optimizer"
            yield Fault(("training", "clip_norm"), message, reads=(("optimizer", "name"),))
