"""Ludwig's command line on a CPU build of torch: python -m tests.benchmarks.peers.ludwig_cli ARGUMENTS.

It imports torchvision and torchaudio whatever it trains. Of torchvision only a CUDA build is published, whose box
operators are therefore declared by hand; torchaudio is stood in for by an empty module. A table needs neither.
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import torch

if torch.version.cuda is None:
    boxes = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        boxes.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
audio = ModuleType("torchaudio")
audio.__spec__ = ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = audio

from ludwig.cli import main  # noqa: E402

main()
