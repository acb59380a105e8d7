"""The files of a bundle, by their names inside it.

runs/ID/                run.json and samples.parquet; of a job its own files and a folder a node
studies/NAME/           study.json, and runs/ as above
results/NAME.json       comparisons, projections and grades that commands printed
documents/NAME          reports (HTML, PDF, JSON), as they were written
tables/                 every number of the results, made for the bundle
scenarios/NAME.toml     the inputs of projections
publication/            publication.toml and the logo that it names
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.proof.archive import MOST_NAME
from energybench.proof.scenarios import read_scenario
from energybench.regular_file import read_bytes
from energybench.store import document_file, reader
from energybench.store.embedded import document_text
from energybench.store.job_header import is_job
from energybench.store.job_parts import OWN_FILES
from energybench.store.layout import INDEX, NODE, PARQUET, RUN, RUNS, find, is_run, runs
from energybench.store.publication_file import read_publication
from energybench.store.strict import MOST_BYTES
from energybench.store.study import is_study, read_study, studies

STUDIES, RESULTS, DOCUMENTS = "studies", "results", "documents"
TABLES, SCENARIOS, PUBLICATION = "tables", "scenarios", "publication"
PUBLICATION_FILE = f"{PUBLICATION}/publication.toml"

_OF_A_RUN = "|".join(map(re.escape, (*OWN_FILES, PARQUET)))
_OF_A_NODE = "|".join(map(re.escape, (RUN, PARQUET)))
_OF_A_BUNDLE = re.compile(
    rf"(?:{STUDIES}/[^/]+/)?{RUNS}/[^/]+/(?:(?:{_OF_A_RUN})|{NODE}[^/]*/(?:{_OF_A_NODE}))"
    rf"|{STUDIES}/[^/]+/{re.escape(INDEX)}"
    rf"|(?:{RESULTS}|{DOCUMENTS}|{TABLES}|{SCENARIOS})/[^/]+"
)

_FOLDER = re.compile(r"(?!\.)[^/\\\0]+")
Files = dict[str, Path]


class Wanted(NamedTuple):
    """What a person puts into a bundle.

    results    runs, studies, stores, and files that commands printed with --json
    documents  reports
    """

    results: Sequence[str]
    documents: Sequence[Path] = ()
    scenarios: Sequence[Path] = ()
    publication: Path | None = None


def gather(wanted: Wanted, store: Path) -> Files:
    """The files, each checked to be readable. Raises BadInput."""
    files: Files = {}
    for name in wanted.results:
        _add(files, _of_result(name, store))
    for path in wanted.documents:
        if document_text(read_bytes(path, MOST_BYTES), str(path)) is None:
            document_file.read_content(path)  # JSON
        _add(files, [(f"{DOCUMENTS}/{path.name}", path)])
    for path in wanted.scenarios:
        _add(files, _of_scenario(path))
    if wanted.publication is not None:
        _add(files, _of_publication(wanted.publication))
    return files


def _add(files: Files, more: Iterable[tuple[str, Path]]) -> None:
    for name, path in more:
        earlier = files.setdefault(name, path)
        if earlier != path and not earlier.samefile(path):
            raise BadInput(
                str(path),
                f"has the same name in the bundle as {earlier}",
                "rename one of the two",
            )
        if len(name) > MOST_NAME:
            raise BadInput(str(path), f"has a name of more than {MOST_NAME} characters")


# ---------------------------------------------------------------- results


def _of_result(name: str, store: Path) -> Iterator[tuple[str, Path]]:
    path = Path(name)
    if is_study(path) or path.name == INDEX:
        yield from _of_study(path.parent if path.name == INDEX else path)
    elif path.is_file() and path.name != RUN:
        kind = RESULTS if document_text(read_bytes(path, MOST_BYTES), name) is None else DOCUMENTS
        document_file.read_content(path)
        yield f"{kind}/{path.name}", path
    elif path.is_dir() and not is_run(path) and (runs(path) or studies(path)):
        for study in studies(path):
            yield from _of_study(study)
        for directory in runs(path):
            yield from _of_run(directory)
    else:
        yield from _of_run(find(name, store))


def _of_study(directory: Path) -> Iterator[tuple[str, Path]]:
    inside = f"{STUDIES}/{_folder(read_study(directory).id, directory)}"
    yield f"{inside}/{INDEX}", directory / INDEX
    for run in runs(directory / RUNS):
        for name, path in _of_run(run):
            yield f"{inside}/{name}", path


def _of_run(directory: Path) -> Iterator[tuple[str, Path]]:
    """The files of a run: those that its result was made from, and no others. The folder has the
    id of the run, whatever the run's directory is called. Raises BadInput.
    """
    job, _, own = reader.read_beside_others(directory).id.rpartition("/")
    # the part of a job is in the folder of the job
    folders = [_folder(name, directory) for name in (job, own) if name]
    inside = "/".join([RUNS, *folders])
    names = OWN_FILES if is_job(directory) else (RUN, PARQUET)
    for name in names:
        if (directory / name).is_file():
            yield f"{inside}/{name}", directory / name
    if is_job(directory):
        for part in sorted(directory.glob(f"{NODE}*")):
            for name in (RUN, PARQUET):
                if (part / name).is_file():
                    yield f"{inside}/{part.name}/{name}", part / name


def _folder(own: str, directory: Path) -> str:
    """The id of a run or study as the name of its folder. Raises BadInput."""
    if not _FOLDER.fullmatch(own):
        raise BadInput(str(directory), f"has an id that is not the name of a folder: {own!r}")
    return own


def _of_scenario(path: Path) -> Iterator[tuple[str, Path]]:
    """The scenario, and the site facts that it includes."""
    included = read_scenario(path).included
    yield f"{SCENARIOS}/{path.name}", path
    if included:
        yield f"{SCENARIOS}/{included}", path.parent / included


def _of_publication(path: Path) -> Iterator[tuple[str, Path]]:
    read_publication(path)
    yield PUBLICATION_FILE, path
    if logo := logo_name(path):
        yield f"{PUBLICATION}/{logo}", path.parent / logo


def logo_name(path: Path) -> str:
    """File name of the logo of a publication file, in the same folder; "" without a logo."""
    from energybench.toml_tables import load

    stated = load(path.read_text("utf-8-sig"), str(path)).get("logo", "")
    if stated and PurePosixPath(stated).name != stated:
        raise BadInput(f"{path}: logo", "lies in another folder", "put it beside the file")
    return str(stated)


# ---------------------------------------------------------------- looking into files


def run_folders(files: Mapping[str, Path]) -> dict[str, Path]:
    """The runs and jobs, by their folders in the bundle; a part only without its job's result."""
    folders = {}
    for name, path in sorted(files.items()):
        place = PurePosixPath(name)
        job = place.parent.parent
        is_part = job.parent.name == RUNS and str(job / RUN) not in files
        if place.name == RUN and (job.name == RUNS or is_part):
            folders[str(place.parent)] = path.parent
    return folders


def study_folders(files: Mapping[str, Path]) -> dict[str, Path]:
    """The studies, by their folders in the bundle."""
    return {
        str(PurePosixPath(name).parent): path.parent
        for name, path in sorted(files.items())
        if PurePosixPath(name).name == INDEX and name.startswith(f"{STUDIES}/")
    }


def not_of_a_bundle(files: Mapping[str, Path], logo: str) -> list[str]:
    """The files that `bundle` does not write, so that nothing about them is checked.

    logo  file name of the publication's logo; "" without a logo
    """
    stated = {PUBLICATION_FILE, f"{PUBLICATION}/{logo}"}
    return [name for name in files if name not in stated and not _OF_A_BUNDLE.fullmatch(name)]


def of_kind(files: Mapping[str, Path], kind: str) -> dict[str, Path]:
    """The files of one folder at the top of the bundle."""
    return {name: path for name, path in sorted(files.items()) if name.startswith(f"{kind}/")}
