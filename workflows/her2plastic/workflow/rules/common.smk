# What is to be made: the configurations and their sheets, checked before anything is computed.
import json
import os
import shlex
import sys
from pathlib import Path

import yaml
from her2plastic import __version__, run
from her2plastic.run.changes import stamp_of
from her2plastic.run.kept_marks import MARK, folder_name, mark_of
from her2plastic.run.provenance import sha256
from her2plastic.run.sample_job import sample_folder
from her2plastic.run.samples import sample_rows
from her2plastic.run.slide_jobs import slide_folder, slide_rows
from her2plastic.run.told import told
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

HER2PLASTIC = f"{shlex.quote(sys.executable)} -m her2plastic.cli workflow"
validate(config, "../schemas/config.schema.yaml")

# Jobs share the folder of the workflow, under Kubernetes too, where it stands on a volume. The plugin takes it that
# nothing is shared, whatever the profile says, and Snakemake would then ask for an object store.
if kubernetes := sys.modules.get("snakemake_executor_plugin_kubernetes"):
    kubernetes.common_settings.implies_no_shared_fs = False

RESULTS = Path(config["results"])
KEPT = RESULTS / "kept"
LOGS = RESULTS / "logs"
BENCHMARKS = RESULTS / "benchmarks"
ADVICE = (
    f"What is done is kept. The last lines of each log in {LOGS}/ say what is wrong; the same command goes on from "
    "there."
)


def refuse_braces(paths):
    """End where Snakemake would take a part of a path for a wildcard."""
    faulty = [str(path) for path in paths if set("{}") & set(str(path))]
    if faulty:
        raise WorkflowError(f"Snakemake takes no path with {{ or }}: rename {', '.join(faulty)}")


refuse_braces([RESULTS])


def checked(path, check, schema, results):
    """Return what a configuration asks for, or end with every fault in it, and why results cannot be written."""
    try:
        plan = check(path, output=results, keep_going=True)
    except (OSError, ValueError) as error:
        raise WorkflowError("\n".join(getattr(error, "problems", ())) or str(error)) from None
    validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")), schema)
    validate(plan.sheet, "../schemas/samples.schema.yaml", set_default=False)
    refuse_braces(plan.inputs)
    return plan


def named(names):
    """Return samples or slides by the names of their folders."""
    return {folder_name(name): name for name in names}


def job(words):
    """Return the command of a job. What the package refused it would refuse again: further attempts end at once."""
    return (
        "refused={log:q}.refused; "
        'if [ {resources.attempt} -gt 1 ] && [ -f "$refused" ]; then cat "$refused" > {log:q}; exit 2; fi; '
        'rm -f "$refused"; {HER2PLASTIC} ' + words + " > {log:q} 2>&1 || "
        "{{ code=$?; if [ $code = 2 ] && ! grep -q '^error: .Errno' {log:q}; then cp {log:q} \"$refused\"; fi; "
        "exit $code; }}"
    )


TARGETS = []
SAMPLES, SAMPLE_NAMES, CELLS = {}, {}, None
if config["cells"]:
    CELLS = checked(config["cells"], run.check, "../schemas/cells.schema.yaml", RESULTS / "cells")
    SAMPLES = sample_rows(CELLS.sheet)
    SAMPLE_NAMES = named(SAMPLES)
    TARGETS.append(RESULTS / "cells" / "report.html")

SLIDES, SLIDE_NAMES, SLIDE_ROWS, IMAGES = {}, {}, {}, None
if config["slides"]:
    IMAGES = checked(config["slides"], run.check_slides, "../schemas/slides.schema.yaml", RESULTS / "slides")
    SLIDES = dict(zip(IMAGES.sheet["sample_id"], IMAGES.files, strict=True))
    SLIDE_ROWS = slide_rows(IMAGES.sheet)
    SLIDE_NAMES = named(SLIDES)
    TARGETS.append(RESULTS / "slides" / "report.html")

if not TARGETS:
    raise WorkflowError("config/config.yaml names neither `cells` nor `slides`: there is nothing to do")


wildcard_constraints:
    sample="[^/]+",
    slide="[^/]+",


def depends_on(plan, job, **facts):
    """Return what of a configuration, and what else, a job depends on: where it changes, the job is done again."""
    return json.dumps({"version": __version__, "facts": facts, "config": told(plan.config, job)}, sort_keys=True)


def memory(least, per_mb=0.0):
    """Return the memory of a job, in megabytes: twice as much at each further attempt."""

    def needed(wildcards, input, attempt):
        return int((least + per_mb * sum(map(megabytes, input))) * 2 ** (attempt - 1))

    return needed


def megabytes(path):
    """Return the size of a file, or of all files in a folder; what is not there yet is settled once it is."""
    os.stat(path)  # where it is missing, the error names it as Snakemake does, which then waits for it
    path = Path(path)
    files = [path] if path.is_file() else [inner for inner in path.rglob("*") if inner.is_file()]
    return sum(file.stat().st_size for file in files) / 2**20


def left_out():
    """Return what could not be used, with the reasons, as lines."""
    folders = [(name, sample_folder(KEPT, name)) for name in SAMPLES]
    folders += [(name, slide_folder(KEPT, name)) for name in SLIDES]
    faults = [(name, mark_of(folder, what=name)["fault"]) for name, folder in folders if (folder / MARK).is_file()]
    lines = [coloured(f"  {name}: ", 33) + fault for name, fault in faults if fault]
    if lines:
        files = "files" if SAMPLES and SLIDES else "samples" if SAMPLES else "slides"
        lines.insert(0, coloured(f"{len(lines)} of {len(folders)} {files} could not be used and are left out:", 33))
        lines.append(
            "They are tried again once their file or their row of the sheet is changed. Where the reason lies elsewhere, "
            f"delete their folder in {KEPT}/."
        )
    return lines


def ending(last):
    """Return what a person reads last."""
    return "\n".join(["", *left_out(), *last])


def coloured(text, code):
    """Return a text in a colour where a person reads it."""
    return f"\033[{code}m{text}\033[0m" if sys.stderr.isatty() else text
