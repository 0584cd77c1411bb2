"""The project as a whole: its map, files, documents and golden data."""

import ast
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags
from command_modules import imported_command

import mentornet_tf as mn
from mentornet_tf.commands.main import COMMANDS

_ROOT = Path(__file__).resolve().parents[1]
_LIBRARY = _ROOT / "mentornet_tf"
_GOLDEN = _ROOT / "tests" / "testdata" / "golden"
# What a checkout holds beside the project's own files.
_FOREIGN = {"build", "dist", "exports", "mentors", "records", "runs", "shared"}


def project_files(pattern="*"):
  """Files of the project, without what users, tools and tests put there."""
  for folder, subfolders, names in os.walk(_ROOT):
    here = Path(folder)
    subfolders[:] = [
      name
      for name in subfolders
      if (name == ".ci" or not name.startswith((".", "__pycache__")))
      and not name.endswith(".egg-info")
      and not (here == _ROOT and name in _FOREIGN)
    ]
    yield from (here / name for name in names if Path(name).match(pattern))


def relative(paths):
  return sorted(str(path.relative_to(_ROOT)) for path in paths)


def rooms_of_the_map():
  """Text by folder of the library, in the order of the map.

  The entry "" holds the modules beside the folders, which every numbered item
  may name.
  """
  text = (_ROOT / "WORKSPACE.md").read_text()
  section = text.partition("## Rooms of the library")[2].partition("\n## ")[0]
  rooms = {"": ""}
  for item in re.split(r"^\d+\. +", section, flags=re.MULTILINE)[1:]:
    own, *parts = re.split(r"^ +- +", item, flags=re.MULTILINE)
    name = re.match(r"`(\w+)(/?)`", own)
    if name[2]:
      rooms[name[1]] = own
    rooms[""] += own
    for part in parts:
      inner = re.match(r"`(\w+)/`", part)
      rooms[f"{name[1]}/{inner[1]}"] = part
  return rooms


def folder_of(path):
  """The folder of a module, as the map names it."""
  folder = path.parent.relative_to(_LIBRARY).as_posix()
  return "" if folder == "." else folder


def modules():
  return [p for p in _LIBRARY.rglob("*.py") if p.name != "__init__.py"]


def test_every_module_is_named_in_its_room_of_the_map():
  rooms = rooms_of_the_map()
  assert len(modules()) > 100
  assert {folder_of(path) for path in modules()} <= {*rooms}
  missing = [
    path for path in modules() if f"`{path.stem}`" not in rooms[folder_of(path)]
  ]
  assert relative(missing) == []


def test_the_map_names_no_module_that_does_not_exist():
  # Words that are not modules.
  others = {"fit"}
  for folder, text in rooms_of_the_map().items():
    if folder:
      stems = {path.stem for path in modules() if folder_of(path) == folder}
      named = set(re.findall(r"`([a-z0-9_]+)`", text)) - others
      assert named - stems <= {"__main__"}, folder


def test_files_that_begin_with_an_interpreter_are_executable():
  # Shells source the one beside the programs; it has no such line.
  programs = []
  for path in project_files():
    with path.open("rb") as file:
      if file.read(2) == b"#!":
        programs.append(path)
  assert _ROOT / "data" / "create_cifar_tf_record.py" in programs
  assert len(programs) > 10
  closed = [p for p in programs if not p.stat().st_mode & stat.S_IXUSR]
  assert relative(closed) == []


def test_programs_begin_with_an_interpreter():
  for folder in ("bin", "data"):
    for path in (_ROOT / folder).glob("*.py"):
      assert path.read_text().startswith("#!/usr/bin/env python3\n"), path


def test_public_names_exist():
  assert len(mn.__all__) == len(set(mn.__all__))
  for name in mn.__all__:
    assert getattr(mn, name) is not None, name
  assert set(mn.__all__) <= set(dir(mn))
  with pytest.raises(AttributeError, match="'nosuch'"):
    _ = mn.nosuch


def test_importing_the_package_is_silent_and_quick():
  script = (
    "import sys, mentornet_tf\n"
    "for name in ('tensorflow', 'keras', 'numpy', 'matplotlib'):\n"
    "  assert name not in sys.modules, name\n"
  )
  result = subprocess.run(
    [sys.executable, "-c", script],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    timeout=60,
  )
  assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def literal_patterns(path):
  """Every text in a module, as a pattern with gaps for what it fills in."""
  tree = ast.parse(path.read_text())
  for node in ast.walk(tree):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
      yield re.escape(node.value)
    elif isinstance(node, ast.JoinedStr):
      parts = [
        re.escape(part.value) if isinstance(part, ast.Constant) else ".+"
        for part in node.values
      ]
      # One that begins with a gap would stand for too many names.
      if re.match(r"\w{5}", parts[0]):
        yield "".join(parts)


def test_every_golden_file_is_read_by_a_test():
  files = [path for path in _GOLDEN.iterdir() if path.suffix != ".md"]
  assert len(files) > 30
  own = Path(__file__).resolve()
  patterns = {
    pattern
    for module in (_ROOT / "tests").rglob("*.py")
    if module != own
    for pattern in literal_patterns(module)
  }
  with_gaps = [re.compile(each) for each in patterns if ".+" in each]

  def is_read(path):
    names = {path.name}
    if path.suffix in (".npz", ".json", ".csv"):
      names.add(path.stem)
    return any(
      re.escape(name) in patterns
      or any(pattern.fullmatch(name) for pattern in with_gaps)
      for name in names
    )

  assert relative([path for path in files if not is_read(path)]) == []


def test_every_golden_file_is_described():
  manifest = (_GOLDEN / "MANIFEST.md").read_text()
  for path in _GOLDEN.iterdir():
    if path.suffix == ".md":
      continue
    # Series of files are described once, with a placeholder.
    stem = re.sub(r"_\d$|_(cifarnet|resnet)_.*$", "", path.stem)
    assert stem in manifest, path.name


def documents():
  return list(project_files("*.md"))


def test_documents_hold_no_placeholders():
  assert len(documents()) > 10
  for path in documents():
    found = re.findall(r"@[A-Z][A-Z0-9_]+@", path.read_text())
    assert found == [], f"{path.relative_to(_ROOT)} has {found}"


def without_code(text):
  return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(path):
  """The names that headings can be linked by, as code hosts make them."""
  for heading in re.findall(r"^#+ +(.+)$", path.read_text(), re.MULTILINE):
    plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    yield plain.replace(" ", "-")


def test_relative_links_of_documents_lead_somewhere():
  broken, checked = [], 0
  for path in documents():
    text = without_code(path.read_text())
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)", text)
    targets += re.findall(r'(?:src|href)="([^"]+)"', text)
    for target in targets:
      if re.match(r"[a-z][a-z0-9+.-]*:", target):
        continue
      checked += 1
      place, _, anchor = target.partition("#")
      file = path.parent / place if place else path
      if not file.exists() or (
        anchor and file.suffix == ".md" and anchor not in anchors(file)
      ):
        broken.append(f"{path.relative_to(_ROOT)}: {target}")
  assert checked > 10
  assert broken == []


def documented_commands():
  """(document, words) of every `mentornet COMMAND …` in a block of code."""
  for path in documents():
    for block in re.findall(
      r"^ *```\n(.*?)^ *```", path.read_text(), re.DOTALL | re.MULTILINE
    ):
      for line in block.replace("\\\n", " ").splitlines():
        command = re.match(r"\s*(?:\$ )?mentornet (.*)", line)
        if command and "..." not in line:
          yield path.relative_to(_ROOT), shlex.split(command[1])


def test_commands_in_documents_can_be_typed():
  found = list(documented_commands())
  assert len(found) > 60
  for name, command in COMMANDS.items():
    with imported_command(command.module) as module:
      for path, (first, *words) in found:
        assert first in COMMANDS, path
        if first == name:
          flags.FLAGS.unparse_flags()
          # Raises for unknown and for missing flags, and for their values.
          rest = flags.FLAGS([name, *words])
          assert len(rest) == 1 or hasattr(module, "ARGUMENTS"), path


def test_documents_write_nothing_into_the_folder_of_programs():
  for path in documents():
    text = path.read_text()
    found = re.findall(r"--(?:\w*dir|data_path|outdir)=\"?data(?![\w-])", text)
    assert found == [], f"{path.relative_to(_ROOT)} has {found}"


def test_only_scripts_change_where_python_looks_for_modules():
  changing = [
    path
    for path in project_files("*.py")
    if path != Path(__file__).resolve()
    and re.search(r"\bsys\.path\.(insert|append|extend)\b", path.read_text())
  ]
  scripts = {*_ROOT.glob("bin/*.py"), *_ROOT.glob("data/*.py")}
  assert len(scripts) > 10
  assert relative(changing) == relative(scripts)


def library_lines(pattern):
  """Lines of the library outside its commands in which `pattern` is found."""
  for path in sorted(_LIBRARY.rglob("*.py")):
    if path.parent != _LIBRARY / "commands":
      for line in path.read_text().splitlines():
        if re.search(pattern, line):
          yield f"{path.relative_to(_LIBRARY)}: {line.strip()}"


def test_the_library_names_parameters_and_no_flags():
  # Commands translate these. Options of Apache Beam are another's flags.
  beam = r"(?!parallelism|runner=|setup_file)"
  assert list(library_lines(rf"(?<![\w-])--{beam}[a-z][a-z_]+")) == []


def test_the_library_names_commands_and_no_scripts():
  # Where a script was started, messages of commands are put into its words.
  assert list(library_lines(r"\b(bin|data)/[a-z_]+\.py")) == []
