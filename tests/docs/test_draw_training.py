"""The animated picture, of two runs of two rows."""

import runpy
import sys
from pathlib import Path

from PIL import Image

_PROGRAM = (
  Path(__file__).resolve().parents[2] / "docs/pictures/draw_training.py"
)


def test_a_frame_per_evaluation(tmp_path, monkeypatch):
  for name, last in (("baseline", 0.7), ("mentornet", 0.9)):
    folder = tmp_path / name
    folder.mkdir()
    rows = f"step,test_accuracy\n15,0.6\n30,{last}\n"
    (folder / "metrics.csv").write_text(rows)
    # id, percent, noisy label, clean label, loss
    losses = "0 0 1 1 2.0\n1 49 2 3 2.5\n0 99 1 1 0.1\n1 99 2 3 9.0\n"
    (folder / "losses.csv").write_text(losses)
  output = tmp_path / "training.gif"
  arguments = [tmp_path / "baseline", tmp_path / "mentornet", output]
  monkeypatch.setattr(sys, "argv", ["draw_training.py", *map(str, arguments)])
  runpy.run_path(str(_PROGRAM), run_name="__main__")
  with Image.open(output) as picture:
    assert picture.n_frames == 2
    assert picture.info["loop"] == 0
    assert picture.size == (800, 360)
    first = picture.convert("RGB").tobytes()
    picture.seek(1)
    assert picture.convert("RGB").tobytes() != first
