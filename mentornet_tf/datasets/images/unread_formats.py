"""What a file is that is none of the pictures which `decoding` reads.

A report that says "AVIF" tells what to convert beforehand; "not an image" does
not.
"""

_VIDEO, _WEB_PAGE = "video", "web page"

# Name, position of the signature, signature.
_SIGNATURES: tuple[tuple[str, int, bytes], ...] = (
  ("JPEG XL", 0, b"\xff\x0a"),
  ("JPEG XL", 4, b"JXL \r\n\x87\n"),
  ("JPEG 2000", 4, b"jP  \r\n\x87\n"),
  ("JPEG 2000", 0, b"\xff\x4f\xff\x51"),
  ("JPEG XR", 0, b"II\xbc"),
  ("BigTIFF", 0, b"II+\0"),
  ("BigTIFF", 0, b"MM\0+"),
  ("PSD", 0, b"8BPS"),
  ("PDF", 0, b"%PDF-"),
  ("PostScript", 0, b"%!PS"),
  ("ICO", 0, b"\0\0\1\0"),
  ("ICNS", 0, b"icns"),
  ("XCF", 0, b"gimp xcf"),
  ("OpenEXR", 0, b"\x76\x2f\x31\x01"),
  ("Radiance HDR", 0, b"#?RADIANCE"),
  ("DDS", 0, b"DDS "),
  ("QOI", 0, b"qoif"),
  ("DICOM", 128, b"DICM"),
  *(("PNM", 0, b"P%d\n" % kind) for kind in range(1, 8)),
  (_VIDEO, 0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
  (_VIDEO, 8, b"AVI LIST"),
  ("NumPy array", 0, b"\x93NUMPY"),
  ("zip archive", 0, b"PK\3\4"),
  ("gzip archive", 0, b"\x1f\x8b\x08"),
  ("pointer of Git LFS", 0, b"version https://git-lfs"),
  ("macOS metadata", 0, b"\0\5\x16\7"),  # AppleDouble: files named ._*
)

# Brands of files that begin with an "ftyp" box, looked for in this order: an
# AVIF may name those of HEIF, too.
_BRANDS = (
  ("AVIF", (b"avif", b"avis")),
  ("HEIC", (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")),
  ("HEIF", (b"mif1", b"msf1", b"mif2")),
  ("CR3", (b"crx ",)),
)

_TGA_END = b"TRUEVISION-XFILE.\0"

# Text before the first tag: comments, a declaration of XML.
_LONGEST_PROLOGUE = 4096


def unread_format(data: bytes) -> str | None:
  """The name of a file's format; None where it is not known.

  Args:
    data: the file's content, of no format that is read.
  """
  if data[4:8] == b"ftyp":
    return _brand(data)
  for name, position, signature in _SIGNATURES:
    if data.startswith(signature, position):
      return name
  if data.endswith(_TGA_END):
    return "TGA"
  return _markup(data[:_LONGEST_PROLOGUE])


def _brand(data: bytes) -> str:
  """The format of a file in the container of MPEG-4."""
  box = data[8 : int.from_bytes(data[:4], "big")]
  # The main brand, its version, and those that it is compatible with.
  brands = {box[i : i + 4] for i in range(0, len(box), 4) if i != 4}
  for name, known in _BRANDS:
    if brands.intersection(known):
      return name
  return _VIDEO


def _markup(head: bytes) -> str | None:
  """SVG or a web page; None of anything else."""
  text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
  if not text.startswith(b"<"):
    return None
  if text.startswith(b"<!doctype html") or b"<html" in text:
    return _WEB_PAGE
  return "SVG" if b"<svg" in text else None
