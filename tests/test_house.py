"""The house: which room imports which, and how long its files are."""

import ast
import graphlib
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from keras_backend import run_under
from test_conformance import project_files, relative, rooms_of_the_map

_LIBRARY = Path(__file__).resolve().parents[1] / "mentornet_tf"

_MAP = [folder for folder in rooms_of_the_map() if folder]
assert _MAP[0] == "internal"
# Each room imports only rooms before it. "" is the package's own __init__.
_ROOMS = [
  *("errors", "internal", ""),
  *(folder for folder in _MAP[1:] if "/" not in folder),
  "__main__",
]
_ROOMS_OF_DATASETS = [
  folder.partition("/")[2] for folder in _MAP if folder.startswith("datasets/")
]
# What trains under every Keras back end: rooms, and modules of others.
_CORE_ROOMS = ("curricula", "settings", "students")
_CORE_MODULES = (
  "datasets/reading/plans.py",
  "internal/stateless_random.py",
  "internal/typing.py",
  "training/builders.py",
  "training/device_images.py",
  "training/ema.py",
  "training/example_losses.py",
  "training/mentored_model.py",
  "training/mentormix_model.py",
  "training/refined_labels_model.py",
  "training/optimizers.py",
  "training/replicas.py",
  "training/step_metrics.py",
)


def module_name(path: Path) -> str:
  """Within the package, such as "datasets.images"; "" is the package."""
  parts = path.relative_to(_LIBRARY).with_suffix("").parts
  return ".".join(part for part in parts if part != "__init__")


_MODULES = {module_name(path): path for path in _LIBRARY.rglob("*.py")}


def statements(path: Path, *, with_functions: bool) -> Iterator[ast.stmt]:
  """Imports of a module but for those of type checkers only."""
  waiting: list[ast.AST] = [ast.parse(path.read_text())]
  while waiting:
    node = waiting.pop()
    if isinstance(node, (ast.Import, ast.ImportFrom)):
      yield node
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
      waiting += node.orelse
    elif with_functions or not isinstance(
      node, (ast.FunctionDef, ast.AsyncFunctionDef)
    ):
      waiting += ast.iter_child_nodes(node)


def imported(path: Path, *, with_functions: bool = True) -> Iterator[str]:
  """Full names of what a module imports, modules or names in them."""
  for node in statements(path, with_functions=with_functions):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    else:
      assert not node.level, f"{path}: a relative import"
      yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path, **options: bool) -> Iterator[str]:
  """The modules of the package among them, as `module_name` names them."""
  for name in imported(path, **options):
    package, _, name = name.partition(".")
    if package == _LIBRARY.name:
      # A name, or a module.
      yield name if name in _MODULES else name.rpartition(".")[0]


def upward(rooms: list[str], depth: int, modules: dict[str, Path]) -> list[str]:
  """Imports between rooms, `depth` below the package, that do not go down."""
  return [
    f"{name} imports {other}"
    for name, path in sorted(modules.items())
    for other in own_imports(path)
    if other in modules
    and other  # every module makes Python run the package's own __init__
    and (here := room(name, depth)) != (there := room(other, depth))
    and rooms.index(here) < rooms.index(there)
  ]


def room(name: str, depth: int) -> str:
  return [*name.split("."), ""][depth]


def test_imports_go_down_only():
  assert {room(name, 0) for name in _MODULES} == set(_ROOMS)
  assert upward(_ROOMS, 0, _MODULES) == []


def test_imports_within_datasets_go_down_only():
  modules = {
    name: path
    for name, path in _MODULES.items()
    if name.startswith("datasets.")
  }
  assert {room(name, 1) for name in modules} == set(_ROOMS_OF_DATASETS)
  assert upward(_ROOMS_OF_DATASETS, 1, modules) == []


def test_modules_do_not_import_each_other_in_circles():
  graph = {
    name: {*own_imports(path, with_functions=False)} - {name}
    for name, path in _MODULES.items()
  }
  assert sum(map(len, graph.values())) > 500
  graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_an_upward_import_would_be_found(tmp_path):
  path = tmp_path / "cifarnet.py"
  path.write_text(
    "from typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n"
    "  from mentornet_tf.training import loop\n"
    "def late():\n"
    "  from mentornet_tf.training.train import train_and_evaluate\n"
  )
  assert upward(_ROOMS, 0, _MODULES | {"students.cifarnet": path}) == [
    "students.cifarnet imports training.train"
  ]
  assert [*own_imports(path, with_functions=False)] == []


def core_modules() -> list[str]:
  return [
    name
    for name, path in sorted(_MODULES.items())
    if room(name, 0) in _CORE_ROOMS
    or str(path.relative_to(_LIBRARY)) in _CORE_MODULES
  ]


def import_all(names: list[str]) -> int:
  for name in names:
    importlib.import_module(f"mentornet_tf.{name}")
  return len(names)


def test_the_core_does_not_import_tensorflow():
  names = core_modules()
  assert len(names) > 40
  assert {f"{name.replace('.', '/')}.py" for name in names} >= {*_CORE_MODULES}
  for name in names:
    found = [
      each
      for each in imported(_MODULES[name], with_functions=False)
      if each.partition(".")[0] == "tensorflow"
    ]
    assert found == [], name


@pytest.mark.parametrize("backend", ["jax"])
def test_the_core_runs_without_tensorflow(backend):
  # The process itself refuses a TensorFlow among its modules.
  names = core_modules()
  assert run_under(backend, import_all, names) == len(names)


def test_datasets_have_no_flat_files():
  flat = [path.name for path in (_LIBRARY / "datasets").glob("*.py")]
  assert flat == ["__init__.py"]


def test_no_file_is_longer_than_350_lines():
  files = list(project_files("*.py"))
  assert len(files) > 300
  long = [p for p in files if len(p.read_text().splitlines()) > 350]
  assert relative(long) == []
