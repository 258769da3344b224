"""Saved fits: one zip with a manifest and plain arrays. No pickle; loading runs nothing from the file.

Layout of the zip: ``manifest.json`` (format, version, checksums, and the estimate as a tree of registered classes,
plain values and references to arrays) and ``arrays/N.npy``. Infinite and missing numbers are the strings
``"Infinity"``, ``"-Infinity"`` and ``"NaN"``, so that the manifest is strict JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from problogit.codec import Decoder, Encoder
from problogit.errors import InputError, SavedFitError, explain
from problogit.estimate import Estimate
from problogit.output_files import as_path, check_writable, write_whole

__all__ = ["load", "save"]

FORMAT = "problogit-fit"
VERSION = 1
_LARGEST_MANIFEST = 512 * 1024 * 1024
_MANIFEST = "manifest.json"


def save(estimate: Estimate, path: str | PathLike[str], data: bool = False) -> None:
    """Write an estimate to `path`, whole or not at all.

    Parameters
    ----------
    estimate : Estimate
    path : path
        Written beside itself first and then moved into place, so that a full disk or a crash leaves no half file.
    data : bool
        Also the rows, so that the loaded fit can be refitted and judged.

    Raises
    ------
    InputError
        The path cannot be written, or something in the fit cannot be stored as plain values.
    """
    target = as_path(path)
    check_writable(target)
    if data and estimate.problem.data is None:
        raise InputError(
            explain("data", "must be False for a fit that was itself loaded without its data", data)
        )
    encoder = Encoder()
    tree = encoder.estimate(estimate, data)
    arrays = {f"arrays/{i}.npy": _npy(array) for i, array in enumerate(encoder.arrays)}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "checksums": {name: hashlib.sha256(content).hexdigest() for name, content in arrays.items()},
        "estimate": tree,
    }
    text = json.dumps(manifest, allow_nan=False, indent=1).encode()
    write_whole(target, _zip({_MANIFEST: text, **arrays}))


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def load(path: str | PathLike[str], context: Mapping[str, Callable[..., Any]] | None = None) -> Estimate:
    """Read what `save` wrote.

    Parameters
    ----------
    path : path
    context : mapping, optional
        The functions of your own that the formula uses.

    Raises
    ------
    SavedFitError
        The file is missing, truncated, foreign, altered, or of a newer format; the message says which.
    """
    source = as_path(path)
    members = _read_members(source)
    manifest = _manifest(source, members)
    checksums = manifest.get("checksums", {})
    if not isinstance(checksums, dict):
        raise SavedFitError(_broken(source, "its list of checksums is malformed"))
    arrays = []
    for i in range(len(checksums)):
        name = f"arrays/{i}.npy"
        content = members.get(name)
        if content is None or hashlib.sha256(content).hexdigest() != checksums.get(name):
            raise SavedFitError(_broken(source, f"{name} is missing or was altered (its checksum differs)"))
        try:
            arrays.append(np.load(io.BytesIO(content), allow_pickle=False))
        except (ValueError, EOFError, OSError) as error:
            raise SavedFitError(_broken(source, f"{name} is not a plain array ({error})")) from error
    try:
        return Decoder(arrays, context).estimate(manifest["estimate"])
    except SavedFitError as error:
        raise SavedFitError(_broken(source, str(error))) from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        if isinstance(error, InputError) and "context" in str(error):
            raise
        raise SavedFitError(_broken(source, f"its content does not describe a fit ({error})")) from error


def _read_members(source: Path) -> dict[str, bytes]:
    if not source.exists():
        raise SavedFitError(explain("path", "must be a saved fit", str(source), "There is no such file."))
    if not source.is_file() or not zipfile.is_zipfile(source):
        what = "a folder" if source.is_dir() else "truncated or no zip file"
        raise SavedFitError(explain("path", "must be a saved fit", str(source), f"It is {what}."))
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
            if _MANIFEST not in names:
                raise SavedFitError(_broken(source, "it holds no manifest.json"))
            if archive.getinfo(_MANIFEST).file_size > _LARGEST_MANIFEST:
                raise SavedFitError(_broken(source, "its manifest is absurdly large"))
            return {
                name: archive.read(name) for name in names if name == _MANIFEST or name.startswith("arrays/")
            }
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise SavedFitError(_broken(source, f"it is truncated or no zip file ({error})")) from error


def _manifest(source: Path, members: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        manifest = json.loads(members[_MANIFEST])
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SavedFitError(_broken(source, f"its manifest is not JSON ({error})")) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise SavedFitError(_broken(source, "its manifest is not that of a problogit fit"))
    version = manifest.get("version")
    if version != VERSION:
        raise SavedFitError(
            f"{source} has format version {version!r} and this problogit reads version {VERSION}. "
            "Load it with the version that wrote it, or fit again."
        )
    return manifest


def _broken(source: Path, why: str) -> str:
    return f"{source} is not a fit that problogit can load: {why}. Fit again and save anew."
