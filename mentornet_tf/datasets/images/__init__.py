"""Image files: lists of them, reading them, making them fit for records.

`listing` holds lists of millions in `bytes_columns`; `decoding` repairs or
refuses a file, by its `jpeg_headers` where possible; `archives` reads files
within tar archives.
"""
