"""Makes the golden artefacts anew: what this version writes, kept so that later versions can be held to read it.

    python tests/golden/make.py [NAME]...

Trainings of a second each: a table with text and holes (kept as a whole run), pictures, a linear regression, and
dates, truth and remarks (kept as bundles). Beside each lie its data and its predictions. Make one anew only when a
format changes for good reason; its schema version goes up in the same commit.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

HERE = Path(__file__).parent
ROWS = 80
# What the machine would choose is chosen here, so that any machine can go on with the run.
CONFIGS = {
    "table": """\
device: cpu
dataset: {name: csv, path: table.csv, target: species}
features: {derive: {ratio: length / width}, indicator: true}
model: {hidden: [6], dropout: 0.1}
optimizer: {name: adam, lr: 0.03}
training: {epochs: 4, batch_size: 16, precision: float32, checkpoint_seconds: 0}
""",
    "pictures": """\
device: cpu
dataset: {name: npz, path: pictures.npz}
model: {hidden: [5]}
optimizer: {name: adam, lr: 0.03}
training: {epochs: 4, batch_size: 16, precision: float32}
""",
    "line": """\
device: cpu
dataset: {name: csv, path: line.csv, target: price}
model: {hidden: []}
optimizer: {name: sgd, lr: 0.1}
training: {epochs: 20, batch_size: full, precision: float32}
""",
    "remarks": """\
device: cpu
dataset: {name: csv, path: remarks.csv, target: hours, dates: {ordered: "%d/%m/%Y"}}
features: {indicator: true, dates: [year, weekday_cycle, hour, elapsed], columns: {note: {encode: hash, buckets: 16}}}
model: {hidden: [6]}
optimizer: {name: adam, lr: 0.03}
training: {epochs: 4, batch_size: 16, precision: float32}
""",
}
DATA = {"table": "table.csv", "pictures": "pictures.npz", "line": "line.csv", "remarks": "remarks.csv"}


def main(*names):
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        draw_data(place)
        for name in names or CONFIGS:
            (place / f"{name}.yaml").write_text(CONFIGS[name])
            mlcli(place, "train", f"{name}.yaml", "--quiet")
            mlcli(place, "predict", DATA[name], "--run", name, "-o", f"{name}.predicted.jsonl", "--quiet")
            keep(place, name)


def draw_data(place):
    """Rows that have something to learn, from one seed."""
    rng = np.random.default_rng(2026)
    species = rng.choice(["Adélie", "Gentoo"], ROWS)
    tall = species == "Gentoo"
    table = pl.DataFrame(
        {
            "length": np.where(tall, 47.5, 38.8) + rng.normal(0, 2.5, ROWS),
            "width": np.where(tall, 15.0, 18.3) + rng.normal(0, 1.0, ROWS),
            "island": rng.choice(["Biscoe", "Dream", "Torgersen"], ROWS),
            "species": species,
        }
    ).with_columns(pl.col("length", "width").round(1))
    holes = table.with_row_index().with_columns(
        width=pl.when(pl.col("index") % 9 == 4).then(None).otherwise("width"),
        island=pl.when(pl.col("index") % 11 == 3).then(None).otherwise("island"),
    )
    holes.drop("index").write_csv(place / "table.csv")

    labels = np.arange(ROWS) % 3
    pixels = rng.integers(0, 90, (ROWS, 6, 6))
    pixels[np.arange(ROWS), labels * 2] += 150
    np.savez_compressed(place / "pictures.npz", x=pixels.astype(np.uint8), y=labels)

    area = rng.uniform(30, 200, ROWS).round(1)
    price = (2.5 * area + 40 + rng.normal(0, 8, ROWS)).round(1)
    pl.DataFrame({"area": area, "price": price}).write_csv(place / "line.csv")

    minutes = rng.integers(0, 400 * 1440, ROWS).tolist()
    ordered = [datetime(2024, 1, 1) + timedelta(minutes=at) for at in minutes]
    notes = [" ".join(rng.choice(["late", "box", "rain", "lost", "thanks", "größer"], 6)) for _ in range(ROWS)]
    late = np.array(["late" in note for note in notes])
    remarks = pl.DataFrame(
        {
            "ordered": [f"{day:%d/%m/%Y}" for day in ordered],
            "packed": [None if i % 7 == 2 else f"{day:%Y-%m-%dT%H:%M}" for i, day in enumerate(ordered)],
            "member": [None if i % 9 == 4 else "yes" if i % 3 else "no" for i in range(ROWS)],
            "note": notes,
            "hours": (20 + 6 * late + rng.normal(0, 1, ROWS)).round(1),
        }
    )
    remarks.write_csv(place / "remarks.csv")


def mlcli(place, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLCLI_")}
    environment["PYTHONPATH"] = str(HERE.parent.parent)
    command = [sys.executable, "-m", "mlcli", *arguments]
    subprocess.run(command, check=True, cwd=place, env=environment)


def keep(place, name):
    run = place / "runs" / name
    source, kept = (run, HERE / "runs" / name) if name == "table" else (run / "001" / "model", HERE / "bundles" / name)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(source, kept, ignore=shutil.ignore_patterns("lock"))
    if name == "table":
        forget_the_machine(kept / "001" / "manifest.json")
    for path in (place / DATA[name], place / f"{name}.predicted.jsonl"):
        shutil.copy(path, HERE / "data")


def forget_the_machine(manifest):
    """Which machine made the artefacts is no part of the format."""
    value = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(value | {"platform": "Linux x86_64"}, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
