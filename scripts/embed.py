#!/usr/bin/env python3
"""Makes the table of files that the admin port serves: FOLDER, as C++ source in OUTPUT.

index.html is the page itself; everything else gets an address that changes with any byte of it, so that browsers may keep
it for ever. {assets} in index.html stands for that address. What gzip makes smaller is kept packed as well.
"""
import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".json": "application/json; charset=utf-8", ".svg": "image/svg+xml"}


def literal(data: bytes) -> str:
    """A string_view of these bytes, whatever they are."""
    plain = set(range(0x20, 0x7F)) - set(b'"\\?')
    text = "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in data)
    return f'{{"{text}", {len(data)}}}'


def main() -> None:
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    files = {path.relative_to(folder).as_posix(): path.read_bytes()
             for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in TYPES}
    index = files.pop("index.html")
    digest = hashlib.sha256()
    for name, data in files.items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    assets = f"/assets/{digest.hexdigest()[:16]}"
    served = {"/": index.replace(b"{assets}", assets.encode())}
    served.update({f"{assets}/{name}": data for name, data in files.items()})

    rows = []
    for path, data in served.items():
        packed = gzip.compress(data, 9, mtime=0)
        kind = TYPES[".html" if path == "/" else pathlib.PurePosixPath(path).suffix]
        rows.append(f'    {{"{path}", "{kind}", "{hashlib.sha256(data).hexdigest()[:20]}",\n     {literal(data)},\n'
                    f'     {literal(packed if len(packed) < len(data) else b"")}}},\n')
    text = ("// Made by scripts/embed.py of src/dashboard. Not to be edited.\n#include <b24gate/admin/static_files.hpp>\n\n"
            "namespace b24gate::admin {\nnamespace {\n\nconstexpr StaticFile files[] = {\n" + "".join(rows) +
            "};\n\n}  // namespace\n\nstd::span<const StaticFile> static_files() noexcept { return files; }\n\n"
            "}  // namespace b24gate::admin\n")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
