"""Figures as files and as bytes, without a display."""

import io
import os

from matplotlib.figure import Figure

from mentornet_tf.internal import atomic_files


def save_figure(
  figure: Figure, path: str | os.PathLike[str], dpi: int = 110
) -> None:
  """Writes a figure atomically; the suffix of `path` decides the format."""
  with atomic_files.replacing(path) as partial:
    figure.savefig(partial, dpi=dpi)


def png_bytes(figure: Figure) -> bytes:
  """The figure as a PNG file."""
  buffer = io.BytesIO()
  figure.savefig(buffer, format="png", dpi=100)
  return buffer.getvalue()
