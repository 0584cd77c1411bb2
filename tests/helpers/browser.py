"""A headless Chromium for tests of pages, driven without any package.

Chromium takes commands of its DevTools protocol through a pipe: JSON, each
message ended by a NUL byte. Keys and clicks go through its input handling, as a
user's do.
"""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_NAMES = (
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
)
_FLAGS = (
  "--headless",
  "--remote-debugging-pipe",
  "--disable-background-networking",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--hide-scrollbars",
  "--no-first-run",
  # The sandbox needs rights that root in a container lacks; pages are our own.
  "--no-sandbox",
  "--window-size=1200,900",
)
# Seconds to wait for an answer, and for a condition on a page.
_PATIENCE = 60
# Keys that are no single character: their code and Windows key number.
_NAMED_KEYS = {
  "ArrowDown": 40,
  "ArrowLeft": 37,
  "ArrowRight": 39,
  "ArrowUp": 38,
  "Enter": 13,
  "Escape": 27,
  "PageDown": 34,
  "PageUp": 33,
  "Tab": 9,
}
_MODIFIERS = {"Alt": 1, "Control": 2, "Shift": 8}


def browser_program() -> str:
  """The browser to test with; skips the test where there is none."""
  for name in _NAMES:
    if found := shutil.which(name):
      return found
  pytest.skip(f"no browser: install Chromium (one of {', '.join(_NAMES)})")


class Browser:
  """A running Chromium with one page.

  Args:
    folder: an empty folder for its profile and downloads.

  Attributes:
    dialogs: kinds of dialogs that the page opened.
    requests: addresses that it asked for.
    problems: errors of its scripts, and what its console tells.
  """

  def __init__(self, folder: Path):
    self.downloads = folder / "downloads"
    self.downloads.mkdir()
    (from_us, self._out), (self._in, to_us) = os.pipe(), os.pipe()
    # The protocol's pipes are those numbered 3 and 4.
    script = f'exec "$@" 3<&{from_us} 4>&{to_us}'
    profile = f"--user-data-dir={folder / 'profile'}"
    program = [browser_program(), *_FLAGS, profile, "about:blank"]
    self._process = subprocess.Popen(
      ["bash", "-c", script, "bash", *program],
      pass_fds=(from_us, to_us),
      stdout=subprocess.DEVNULL,
      stderr=subprocess.DEVNULL,
      start_new_session=True,
    )
    os.close(from_us)
    os.close(to_us)
    self._numbers = itertools.count(1)
    self._received = b""
    self._session: str | None = None
    self.dialogs: list[str] = []
    self.requests: list[str] = []
    self.problems: list[str] = []
    page = next(
      target
      for target in self.send("Target.getTargets")["targetInfos"]
      if target["type"] == "page"
    )
    attached = self.send(
      "Target.attachToTarget", targetId=page["targetId"], flatten=True
    )
    self._session = attached["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Log"):
      self.send(f"{domain}.enable")
    self.send(
      "Browser.setDownloadBehavior",
      behavior="allow",
      downloadPath=str(self.downloads),
    )

  def close(self) -> None:
    """Ends the browser."""
    with contextlib.suppress(ProcessLookupError):
      os.killpg(self._process.pid, signal.SIGKILL)
    self._process.wait()
    os.close(self._out)
    os.close(self._in)

  def send(self, method: str, **parameters: Any) -> dict[str, Any]:
    """Sends a command; gives its result."""
    number = self._write(method, parameters)
    while True:
      answer = self._receive()
      if answer.get("id") == number:
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]
      self._note(answer)

  def _write(self, method: str, parameters: dict[str, Any]) -> int:
    number = next(self._numbers)
    message = {"id": number, "method": method, "params": parameters}
    if self._session and not method.startswith(("Target.", "Browser.")):
      message["sessionId"] = self._session
    os.write(self._out, json.dumps(message).encode() + b"\0")
    return number

  def _receive(self) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE
    while b"\0" not in self._received:
      left = max(0, deadline - time.monotonic())
      ready, _, _ = select.select([self._in], [], [], left)
      assert ready, "the browser does not answer"
      part = os.read(self._in, 1 << 20)
      assert part, "the browser has ended"
      self._received += part
    message, _, self._received = self._received.partition(b"\0")
    return json.loads(message)

  def _note(self, event: dict[str, Any]) -> None:
    """Keeps what a test asks about, and agrees to leave a page."""
    details = event.get("params", {})
    if event.get("method") == "Page.javascriptDialogOpening":
      self.dialogs.append(details["type"])
      self._write("Page.handleJavaScriptDialog", {"accept": True})
    if event.get("method") == "Network.requestWillBeSent":
      self.requests.append(details["request"]["url"])
    elif event.get("method") == "Runtime.exceptionThrown":
      self.problems.append(json.dumps(details["exceptionDetails"]))
    elif event.get("method") == "Log.entryAdded":
      self.problems.append(json.dumps(details["entry"]))

  def open(self, page: Path) -> None:
    """Opens a file."""
    self.send("Page.navigate", url=page.as_uri())

  def run(self, script: str) -> Any:
    """The value of a JavaScript expression in the page."""
    result = self.send(
      "Runtime.evaluate",
      expression=script,
      returnByValue=True,
      awaitPromise=True,
      userGesture=True,
    )
    assert "exceptionDetails" not in result, result["exceptionDetails"]
    return result["result"].get("value")

  def wait(self, script: str) -> Any:
    """Waits until an expression is truthy; gives its value."""
    deadline = time.monotonic() + _PATIENCE
    while True:
      # While a page loads, there is nothing to evaluate in.
      with contextlib.suppress(AssertionError):
        if value := self.run(script):
          return value
      assert time.monotonic() < deadline, f"never true: {script}"
      time.sleep(0.01)

  def text(self, selector: str) -> str:
    """The text of an element as it is shown."""
    return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

  def press(self, *keys: str) -> None:
    """Presses keys: characters, names, or such as "Control+z"."""
    for key in keys:
      *held, name = key.split("+") if len(key) > 1 else [key]
      is_letter = len(name) == 1 and name.isalpha()
      values = {
        "key": name,
        "code": f"Key{name.upper()}" if is_letter else name,
        "windowsVirtualKeyCode": _NAMED_KEYS.get(name, ord(name[0].upper())),
        "modifiers": sum(_MODIFIERS[each] for each in held),
      }
      if name == "Enter":
        values["text"] = "\r"
      elif len(name) == 1 and not held:
        values["text"] = name
      self.send("Input.dispatchKeyEvent", type="keyDown", **values)
      values.pop("text", None)
      self.send("Input.dispatchKeyEvent", type="keyUp", **values)

  def click(self, selector: str) -> None:
    """Clicks with the mouse on the middle of an element."""
    x, y = self.run(
      f"""(() => {{
        const element = document.querySelector({json.dumps(selector)});
        element.scrollIntoView({{ block: "center" }});
        const box = element.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
      }})()"""
    )
    for kind in ("mousePressed", "mouseReleased"):
      self.send(
        "Input.dispatchMouseEvent",
        type=kind,
        x=x,
        y=y,
        button="left",
        clickCount=1,
      )

  def choose_files(self, selector: str, *files: Path) -> None:
    """Gives files to an input element, as its dialog would."""
    found = self.send(
      "Runtime.evaluate", expression=f"document.querySelector('{selector}')"
    )
    self.send(
      "DOM.setFileInputFiles",
      files=[str(file) for file in files],
      objectId=found["result"]["objectId"],
    )

  def downloaded(self, name: str) -> bytes:
    """Waits for a download; gives its bytes and removes the file."""
    file = self.downloads / name
    deadline = time.monotonic() + _PATIENCE
    while not file.exists():
      assert time.monotonic() < deadline, f"{name} was not downloaded"
      time.sleep(0.01)
      self.run("0")
    content = file.read_bytes()
    file.unlink()
    return content

  def screenshot(self, file: Path) -> None:
    """Writes what the window shows as PNG."""
    data = self.send("Page.captureScreenshot", format="png")["data"]
    file.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def opened_browser(folder: Path) -> Iterator[Browser]:
  """A browser that ends with the block."""
  browser = Browser(folder)
  try:
    yield browser
  finally:
    browser.close()
