"""What predicting a file cannot do without: python -m tests.benchmarks.peers.polars_predict INPUT OUTPUT HIDDEN...

Reads the CSV, takes the rows through a network of the same shape and writes a CSV of the same columns as mlcli's.
"""

import sys
import time

import polars as pl
import torch

from tests.benchmarks.peers.network import build_network
from tests.benchmarks.peers.task import tell

source, output, *hidden = sys.argv[1:]
started = time.perf_counter()
frame = pl.read_csv(source)
read = time.perf_counter()
network = build_network(frame.width, [int(units) for units in hidden], 1)
with torch.inference_mode():
    x = torch.from_numpy(frame.to_numpy().astype("float32"))
    p = torch.cat([torch.sigmoid(network(rows)) for rows in x.split(2048)]).squeeze(1).numpy()
computed = time.perf_counter()
names = pl.Series("prediction", ["0", "1"]).gather((p > 0.5).astype("uint32"))
pl.DataFrame([names, pl.Series("probability_0", 1 - p), pl.Series("probability_1", p)]).write_csv(output)
written = time.perf_counter()
tell(read=read - started, forward=computed - read, write=written - computed, inside=written - started)
