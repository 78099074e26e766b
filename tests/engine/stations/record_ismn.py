"""Record what the ``ismn`` package reads from the real samples, as an independent oracle.

It is no dependency of the project (it brings pyresample, netCDF4 and 20 more), so its answers are
kept beside the tests. To renew them::

    uv run --no-project --with ismn==1.5.4 python tests/engine/stations/record_ismn.py SHARED
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory


def main(shared: Path) -> None:
    folder = shared / "realdata" / "ismn"
    records = {}
    for path in sorted(folder.rglob("*.stm")):
        records[str(path.relative_to(folder))] = record(path)
    for archive in sorted(folder.rglob("*.zip")):
        with TemporaryDirectory() as unpacked, zipfile.ZipFile(archive) as source:
            source.extractall(unpacked)
            for path in sorted(Path(unpacked).rglob("*.stm")):
                name = f"{archive.relative_to(folder)}!{path.relative_to(unpacked)}"
                records[name] = record(path)
    target = Path(__file__).with_name("ismn_package.json")
    target.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def record(path: Path) -> dict[str, object]:
    from ismn.filehandlers import DataFile  # noqa: PLC0415

    file = DataFile(str(path.parent), path.name)
    frame = file.read_data()
    values, flags = frame.iloc[:, 0], frame.iloc[:, 1]
    return {
        "lat": file.metadata["latitude"].val,
        "lon": file.metadata["longitude"].val,
        "elevation": file.metadata["elevation"].val,
        "rows": len(frame),
        "first": frame.index[0].isoformat(),
        "last": frame.index[-1].isoformat(),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=0)),
        "good_mean": float(values[flags == "G"].mean()) if (flags == "G").any() else None,
        "flags": {flag: int(rows) for flag, rows in flags.value_counts().items()},
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
