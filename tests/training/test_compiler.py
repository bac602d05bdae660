"""The compiler stays out until it is asked for."""

import subprocess
import sys

TRAIN = """
import sys, torch
from mlcli.config.sections.optimizer import AdamConfig
from mlcli.training.optimizers import Parameters, build_optimizer
model = torch.nn.Linear(2, 1)
optimizer = build_optimizer(AdamConfig(name="adam"), Parameters.of(model))
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo.symbolic_convert" in sys.modules)
"""
ASK = """
import torch._dynamo.config
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_training_does_not_import_it():
    assert run(TRAIN) == ["False"]


def test_it_works_when_asked_for_after_a_training():
    assert run(TRAIN + ASK) == ["False", "2.0"]
