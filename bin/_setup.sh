# Sourced by the commands in bin/ that set up: finds or makes the environment.
#
# Uses the active virtual environment; without one it makes .venv beside this
# folder. Installs requirements.txt once, and again whenever it changes, and
# this checkout as the package (pip install --editable), so that examples and
# benchmarks import it and the environment has the command `mentornet`.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}

find_python() {
  local candidate
  for candidate in python3.12 python3.11 python3.13 python3.10 python3 python; do
    if "$candidate" -c '
import sys
raise SystemExit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
    then
      command -v "$candidate"
      return
    fi
  done
  echo "error: expected Python 3.10 to 3.13 on the PATH, found none;" \
    "install one of them" >&2
  return 1
}

if [ -n "${VIRTUAL_ENV:-}" ]; then
  environment=$VIRTUAL_ENV
else
  environment=$project/.venv
  if [ ! -x "$environment/bin/python" ]; then
    found=$(find_python)
    echo "Making a virtual environment in $environment"
    rm -rf "$environment"
    "$found" -m venv "$environment"
  fi
fi
python=$environment/bin/python

install() {
  "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

# Installs what a list pins, unless it has not changed since.
install_pinned() {
  local list=$1 duration=$2 stamp=$environment/mentornet-tf-$1
  if ! cmp -s "$project/$list" "$stamp"; then
    echo "Installing $list ($duration the first time)"
    # The pip that comes with older Pythons takes very long to resolve them.
    install --upgrade pip
    install --requirement "$project/$list"
    cp "$project/$list" "$stamp"
  fi
}

install_pinned requirements.txt "some minutes"

# Offline: requirements.txt brings what the build needs. The stamp holds the
# folder, too, since several checkouts may share an environment.
stamp=$environment/mentornet-tf-project.txt
if ! { echo "$project" && cat "$project/pyproject.toml"; } | cmp -s - "$stamp"
then
  install --no-deps --no-build-isolation --editable "$project"
  { echo "$project" && cat "$project/pyproject.toml"; } > "$stamp"
fi
