"""What reading a damaged archive of NumPy's (.npz) raises."""

import zipfile
import zlib

# By NumPy and zipfile on damaged archives, and by Python where the content is
# another one than is looked for.
DAMAGED_ARCHIVE = (
  zipfile.BadZipFile,
  zlib.error,
  AttributeError,
  EOFError,
  LookupError,
  NotImplementedError,
  OSError,
  RuntimeError,
  TypeError,
  ValueError,
)
