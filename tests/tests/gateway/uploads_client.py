"""The unmodified package `tuspy` of PyPI against a gateway.

uploads_client.py ADDRESS FILE begin        sends the first half, prints the upload's URL
uploads_client.py ADDRESS FILE resume URL   sends the rest with checksums, prints the URL
"""

import os
import sys

from tusclient import client

address, file, what = sys.argv[1:4]
CHUNK = 5_000_000
tus = client.TusClient(f"http://{address}/v1/inputs")

if what == "begin":
    metadata = {"filename": "a talk.bin", "filetype": "application/octet-stream"}
    uploader = tus.uploader(file, chunk_size=CHUNK, metadata=metadata, upload_checksum=True)
    half = os.path.getsize(file) // 2
    while uploader.offset < half:
        uploader.upload_chunk()
else:
    uploader = tus.uploader(file, chunk_size=CHUNK, url=sys.argv[4], upload_checksum=True)
    assert uploader.offset > 0, "the gateway forgot what was sent"
    uploader.upload()
    assert uploader.offset == os.path.getsize(file)
print(uploader.url)
